-- What the made-up world is made of: random numbers, places people live, names, things to buy, and the ways in which
-- real data says nothing. Variables: seed, until_s (epoch seconds), days, campaigns_csv, places_csv.

-- Every random number is md5(seed, salt, key), so it depends on nothing but its own name: not on the number of
-- threads, the order of rows, or how many users there are. Arithmetic is exact (no logarithm, no sine), so that the
-- same arguments give the same bytes on any machine.
create macro h(key, salt) as (md5_number(getvariable('seed') || ':' || salt || ':' || key) & 9223372036854775807)::bigint;
create macro u(key, salt) as (md5_number(getvariable('seed') || ':' || salt || ':' || key) >> 75)::bigint::double / 9007199254740992.0;
-- four numbers in [0, 1) from one hash
create macro part(hash_value, n) as ((hash_value >> (15 * n)) & 32767)::double / 32768.0;
-- a cheap mixer below 2^31 for the rows inside one session, where a hash each would cost more than the rest
create macro mix(x) as ((x % 2147483647) * (x % 2147483647) + 48271 * (x % 2147483647)) % 2147483647;
create macro pick(list_value, x) as list_value[1 + floor(x * len(list_value))::integer];
create macro pair_of(i, campaign_no) as i || '-' || campaign_no;
create macro ts(s) as make_timestamp((s * 1000000)::bigint);
create macro iso(s) as strftime(ts(s), '%Y-%m-%d %H:%M:%S');

create table locale as
select
    row_number() over () as locale_id,
    *,
from (
    values
        -- weight, country, language, timezone, minutes east of UTC, calling code (the unassigned +999 and a country's own,
        -- but for the two whose numbers reserved for fiction are used first), given and family names
        (14, 'US', 'en-US', 'America/New_York', -300, '+1', ['Olivia', 'Liam', 'Emma', 'Noah', 'Ava', 'Mason', 'Zoë', 'Jean-Luc', 'Mary Ann', 'DeShawn', 'Aaliyah', 'J'], ['Smith', 'O''Brien', 'Johnson', 'Williams', 'Garcia-Lopez', 'Van Dyke', 'McDonald', 'Washington', 'Lee', 'D''Angelo', 'Baker', 'Null']),
        (8, 'US', 'en-US', 'America/Chicago', -360, '+1', ['Amelia', 'Ethan', 'Harper', 'Logan', 'Evelyn', 'Lucas', 'Abigail', 'Jack', 'Ella', 'Wyatt'], ['Anderson', 'Thomas', 'Jackson', 'White', 'Harris', 'Martin', 'Thompson', 'Young', 'Walker', 'Hall']),
        (6, 'US', 'es-US', 'America/Los_Angeles', -480, '+1', ['Sofía', 'Mateo', 'Camila', 'José', 'Luz', 'Iván', 'Chloe', 'Ben', 'María José', 'Kai'], ['Hernández', 'Nguyen', 'Núñez', 'Park', 'Cruz', 'Peña', 'Kim', 'Rivera', 'Scott', 'Reyes']),
        (8, 'GB', 'en-GB', 'Europe/London', 0, '+44', ['Oliver', 'Isla', 'George', 'Poppy', 'Siân', 'Rhys', 'Niamh', 'Alfie', 'Freya', 'Mohammed', 'Bo', 'Ffion'], ['Jones', 'Taylor', 'Brown', 'O''Connor', 'Evans', 'Smith-Jones', 'Patel', 'MacLeod', 'ap Rhys', 'Wright', 'Khan', 'Hughes']),
        (7, 'DE', 'de-DE', 'Europe/Berlin', 60, '+99949', ['Jürgen', 'Mia', 'Käthe', 'Ben', 'Sören', 'Anna-Lena', 'Björn', 'Lea', 'Özlem', 'Hans-Peter', 'Marlene', 'Til'], ['Müller', 'Weiß', 'Schäfer', 'von der Heide', 'Groß', 'Schmidt', 'Yılmaz', 'Köhler', 'Lüdke', 'Meyer-Landrut', 'Vogel', 'Jäger']),
        (7, 'FR', 'fr-FR', 'Europe/Paris', 60, '+99933', ['Chloé', 'Jean-Baptiste', 'Zoé', 'Loïc', 'Anaïs', 'François', 'Noël', 'Léa', 'Maëlys', 'Benoît', 'Éloïse', 'Hervé'], ['Lefèvre', 'D''Arcy', 'Dupont', 'Garçon', 'Noël', 'L''Hermite', 'Durand', 'Mbaye', 'Le Goff', 'Béranger', 'Roux', 'Saint-Exupère']),
        (4, 'NL', 'nl-NL', 'Europe/Amsterdam', 60, '+9993120', ['Sanne', 'Daan', 'Fenna', 'Thijs', 'Zoë', 'Sjoerd', 'Noor', 'Joris', 'Anouk', 'Wout'], ['de Vries', 'van den Berg', '''t Hart', 'Jansen', 'IJsselstein', 'van ''t Veer', 'Bakker', 'Smit', 'de Jong', 'Visser']),
        (4, 'ES', 'es-ES', 'Europe/Madrid', 60, '+9993491', ['Lucía', 'Hugo', 'Begoña', 'Íñigo', 'Martín', 'Paula', 'Núria', 'Álvaro', 'Inés', 'Javier'], ['García', 'Ibáñez', 'Muñoz', 'Fernández de Córdoba', 'Puig i Ferrer', 'Etxeberria', 'Gómez', 'Ruiz', 'Alonso', 'Vega']),
        (3, 'PT', 'pt-PT', 'Europe/Lisbon', 0, '+9993512', ['João', 'Inês', 'Gonçalo', 'Conceição', 'Tomás', 'Beatriz', 'Rúben', 'Lara'], ['Simões', 'Araújo', 'dos Santos', 'Magalhães', 'Pinto', 'Gouveia', 'Ramalho', 'Sá']),
        (4, 'BR', 'pt-BR', 'America/Sao_Paulo', -180, '+9995511', ['Thaís', 'Caíque', 'Antônia', 'Luís', 'Júlia', 'Davi', 'Flávia', 'Otávio', 'Iara', 'Ana Clara'], ['Gonçalves', 'D''Ávila', 'da Silva', 'Moraes', 'Ribeiro', 'Cardoso', 'Teixeira', 'Lima', 'Sousa', 'Yamamoto']),
        (3, 'SE', 'sv-SE', 'Europe/Stockholm', 60, '+99946', ['Åsa', 'Björn', 'Märta', 'Örjan', 'Linnéa', 'Nils', 'Saga', 'Göran'], ['Åkesson', 'Öberg', 'Lindström', 'Sjögren', 'Hägg', 'Nyström', 'Bergqvist', 'Ek']),
        (3, 'PL', 'pl-PL', 'Europe/Warsaw', 60, '+9994822', ['Łukasz', 'Zofia', 'Michał', 'Grażyna', 'Świętosława', 'Jakub', 'Małgorzata', 'Staś'], ['Wiśniewska', 'Kowalczyk', 'Żak', 'Dąbrowski', 'Łęcka', 'Nowak', 'Zieliński', 'Wójcik']),
        (2, 'CZ', 'cs-CZ', 'Europe/Prague', 60, '+9994202', ['Jiří', 'Tereza', 'Ondřej', 'Eliška', 'Přemysl', 'Žofie'], ['Novák', 'Dvořáková', 'Čapek', 'Růžička', 'Šťastný', 'Kučerová']),
        (2, 'TR', 'tr-TR', 'Europe/Istanbul', 180, '+9999021', ['İrem', 'Çağrı', 'Gülşen', 'Işıl', 'Ömer', 'Ayşe'], ['Yıldırım', 'Şahin', 'Öztürk', 'Çelik', 'Güneş', 'Kılıç']),
        (3, 'UA', 'uk-UA', 'Europe/Kyiv', 120, '+9993804', ['Олена', 'Тарас', 'Соломія', 'Дмитро', 'Ївга', 'Юрій', 'Зоряна', 'Лев'], ['Шевченко', 'Коваленко', 'Лук''яненко', 'Мельник', 'Гнатюк', 'Їжакевич', 'Бондар', 'Романюк']),
        (2, 'BG', 'bg-BG', 'Europe/Sofia', 120, '+9993592', ['Георги', 'Мария', 'Цветелина', 'Стоян', 'Йоана', 'Борис'], ['Димитров', 'Иванова', 'Щерев', 'Христова', 'Петров', 'Ангелова']),
        (2, 'GR', 'el-GR', 'Europe/Athens', 120, '+9993021', ['Ελένη', 'Γιώργος', 'Δήμητρα', 'Κώστας', 'Χρυσάνθη', 'Νίκος'], ['Παπαδόπουλος', 'Οικονόμου', 'Βλάχου', 'Αγγελόπουλος', 'Ξένου', 'Ψαρράς']),
        (2, 'EG', 'ar-EG', 'Africa/Cairo', 120, '+9992022', ['محمد', 'فاطمة', 'يوسف', 'مريم', 'عبد الرحمن', 'نور'], ['حسن', 'إبراهيم', 'السيد', 'مصطفى', 'عبد الله', 'شريف']),
        (2, 'AE', 'ar-AE', 'Asia/Dubai', 240, '+9999714', ['خالد', 'عائشة', 'سلطان', 'حصة', 'راشد', 'شمّة'], ['المنصوري', 'الكعبي', 'بن سالم', 'النعيمي', 'الهاشمي', 'الظاهري']),
        (2, 'IL', 'he-IL', 'Asia/Jerusalem', 120, '+9999722', ['נועה', 'איתי', 'תמר', 'אורי', 'שירה', 'ג׳ורג׳'], ['כהן', 'לוי', 'בן־דוד', 'מזרחי', 'פרץ', 'שפירא']),
        (4, 'IN', 'hi-IN', 'Asia/Kolkata', 330, '+9999111', ['आरव', 'प्रिया', 'अनन्या', 'विक्रम', 'Lakshmi', 'ऋतु', 'S', 'Arjun'], ['शर्मा', 'पटेल', 'Iyer', 'सिंह', 'गुप्ता', 'Krishnamurthy', 'दास', 'R']),
        (1, 'TH', 'th-TH', 'Asia/Bangkok', 420, '+9996621', ['สมชาย', 'กมลชนก', 'ณัฐพงษ์', 'พิมพ์ชนก', 'น้ำฝน'], ['ศรีสุข', 'วงศ์สวัสดิ์', 'บุญมา', 'แก้วใส', 'ทองดี']),
        (3, 'TW', 'zh-TW', 'Asia/Taipei', 480, '+9998862', ['怡君', '志明', '雅婷', '家豪', '淑芬', '宇'], ['陳', '林', '歐陽', '張', '王', '司馬']),
        (3, 'JP', 'ja-JP', 'Asia/Tokyo', 540, '+9998133', ['さくら', '健太', '陽子', 'ケンジ', '葵', '大輔', '結衣', '翔'], ['佐藤', '鈴木', '髙橋', '渡邊', '田中', '伊藤', '小鳥遊', '山本']),
        (2, 'KR', 'ko-KR', 'Asia/Seoul', 540, '+9998222', ['민준', '서연', '지우', '하은', '도윤', '빛나'], ['김', '이', '박', '남궁', '최', '정']),
        (3, 'AU', 'en-AU', 'Australia/Sydney', 600, '+99961', ['Charlotte', 'Jarrah', 'Isaac', 'Matilda', 'Finn', 'Talia', 'Xavier', 'Al'], ['Nguyen', 'O''Sullivan', 'Campbell', 'Wu', 'St. John', 'Murphy', 'Singh', 'Kelly']),
        (2, 'NG', 'en-NG', 'Africa/Lagos', 60, '+9992341', ['Chidiẹ', 'Ngozi', 'Adébáyò', 'Ifeoma', 'Tùndé', 'Zainab'], ['Okonkwo', 'Adéyẹmí', 'Balógun', 'Eze', 'Danjuma', 'Nwosu']),
        (1, 'IS', 'is-IS', 'Atlantic/Reykjavik', 0, '+9993545', ['Þóra', 'Guðmundur', 'Ásdís', 'Ragnheiður'], ['Jónsdóttir', 'Þorsteinsson', 'Ævarsson', 'Sigurðardóttir'])
) as t (weight, country, language, timezone, tz_minutes, calling_code, given, family);

-- a hundred and more slots, so that a weighted choice is a plain join
create table locale_slot as
select (row_number() over (order by locale_id, n)) - 1 as number, locale_id
from (select locale_id, unnest(range(weight)) as n from locale);

create table city as
select *, (row_number() over (partition by country, timezone order by rank)) - 1 as n, count(*) over (partition by country, timezone) as cities
from (
    values
        ('US', 'America/New_York', 1, 'New York', 40.7580, -73.9855), ('US', 'America/New_York', 2, 'Boston', 42.3601, -71.0589), ('US', 'America/New_York', 3, 'King of Prussia', 40.0893, -75.3960),
        ('US', 'America/Chicago', 1, 'Chicago', 41.8819, -87.6278), ('US', 'America/Chicago', 2, 'St. Louis', 38.6270, -90.1994), ('US', 'America/Chicago', 3, 'Austin', 30.2672, -97.7431),
        ('US', 'America/Los_Angeles', 1, 'Seattle', 47.6080, -122.3352), ('US', 'America/Los_Angeles', 2, 'Los Angeles', 34.0522, -118.2437), ('US', 'America/Los_Angeles', 3, 'San José', 37.3382, -121.8863),
        ('GB', 'Europe/London', 1, 'London', 51.5153, -0.1322), ('GB', 'Europe/London', 2, 'Stoke-on-Trent', 53.0027, -2.1794), ('GB', 'Europe/London', 3, 'Caerdydd', 51.4816, -3.1791),
        ('DE', 'Europe/Berlin', 1, 'Berlin', 52.5200, 13.4050), ('DE', 'Europe/Berlin', 2, 'München', 48.1351, 11.5820), ('DE', 'Europe/Berlin', 3, 'Köln', 50.9375, 6.9603),
        ('FR', 'Europe/Paris', 1, 'Paris', 48.8575, 2.3585), ('FR', 'Europe/Paris', 2, 'Besançon', 47.2378, 6.0241), ('FR', 'Europe/Paris', 3, 'L''Haÿ-les-Roses', 48.7790, 2.3370),
        ('NL', 'Europe/Amsterdam', 1, 'Amsterdam', 52.3728, 4.8936), ('NL', 'Europe/Amsterdam', 2, '''s-Hertogenbosch', 51.6978, 5.3037), ('ES', 'Europe/Madrid', 1, 'Madrid', 40.4168, -3.7038),
        ('ES', 'Europe/Madrid', 2, 'A Coruña', 43.3623, -8.4115), ('PT', 'Europe/Lisbon', 1, 'Lisboa', 38.7223, -9.1393), ('PT', 'Europe/Lisbon', 2, 'Évora', 38.5714, -7.9135),
        ('BR', 'America/Sao_Paulo', 1, 'São Paulo', -23.5505, -46.6333), ('BR', 'America/Sao_Paulo', 2, 'Florianópolis', -27.5954, -48.5480), ('SE', 'Europe/Stockholm', 1, 'Malmö', 55.6050, 13.0038),
        ('SE', 'Europe/Stockholm', 2, 'Å', 58.4108, 15.6214), ('PL', 'Europe/Warsaw', 1, 'Łódź', 51.7592, 19.4560), ('PL', 'Europe/Warsaw', 2, 'Kraków', 50.0647, 19.9450),
        ('CZ', 'Europe/Prague', 1, 'Plzeň', 49.7384, 13.3736), ('TR', 'Europe/Istanbul', 1, 'İstanbul', 41.0082, 28.9784), ('UA', 'Europe/Kyiv', 1, 'Київ', 50.4501, 30.5234), ('UA', 'Europe/Kyiv', 2, 'Львів', 49.8397, 24.0297),
        ('BG', 'Europe/Sofia', 1, 'София', 42.6977, 23.3219), ('GR', 'Europe/Athens', 1, 'Αθήνα', 37.9838, 23.7275), ('EG', 'Africa/Cairo', 1, 'القاهرة', 30.0444, 31.2357), ('AE', 'Asia/Dubai', 1, 'دبي', 25.2048, 55.2708),
        ('IL', 'Asia/Jerusalem', 1, 'תל אביב-יפו', 32.0853, 34.7818), ('IN', 'Asia/Kolkata', 1, 'मुंबई', 19.0760, 72.8777), ('IN', 'Asia/Kolkata', 2, 'Bengaluru', 12.9716, 77.5946), ('TH', 'Asia/Bangkok', 1, 'กรุงเทพฯ', 13.7563, 100.5018),
        ('TW', 'Asia/Taipei', 1, '臺北', 25.0330, 121.5654), ('JP', 'Asia/Tokyo', 1, '東京', 35.6595, 139.7006), ('JP', 'Asia/Tokyo', 2, '札幌', 43.0618, 141.3545), ('KR', 'Asia/Seoul', 1, '서울', 37.5665, 126.9780),
        ('AU', 'Australia/Sydney', 1, 'Sydney', -33.8688, 151.2093), ('NG', 'Africa/Lagos', 1, 'Èkó', 6.5244, 3.3792), ('IS', 'Atlantic/Reykjavik', 1, 'Ísafjörður', 66.0748, -23.1340)
) as t (country, timezone, rank, city, latitude, longitude);

-- 25 makers x 8 things: names with quotes, ampersands, accents and other scripts among them, as catalogues have
create table product as
with
    series as (
        select *
        from (
            values
                (0, 'Halvorn'), (1, 'Oat & Ember'), (2, 'Fjordlight'), (3, 'Crème du Nord'), (4, 'Tidepool'), (5, 'Brindlewick'), (6, 'Mossgrove'),
                (7, 'Baker''s "Big"'), (8, 'Kumo 雲'), (9, 'Sólveig'), (10, 'Pebble/Pine'), (11, 'Northlamp'), (12, 'Añil'), (13, 'Quillon'), (14, 'Rue 27'), (15, 'Zephyrine'),
                (16, 'Plain & Simple'), (17, 'Łąka'), (18, 'Ondine'), (19, 'Warm Stone'), (20, 'Café Ø'), (21, 'Marigold'), (22, 'Tern'), (23, '小夜'), (24, 'Graylag')
        ) as t (series_id, series)
    ),

    thing as (
        select *
        from (
            values
                (0, 'kettle', 'kitchen', 39.0), (1, 'desk lamp', 'lighting', 54.5), (2, 'wool blanket', 'bedroom', 79.0), (3, 'notebook', 'stationery', 9.5),
                (4, 'espresso cups (set of 4)', 'kitchen', 28.0), (5, 'rain jacket', 'outdoor', 119.0), (6, 'plant pot', 'garden', 17.25), (7, 'backpack 20 l', 'outdoor', 89.9)
        ) as t (thing_id, thing, category, base_price)
    ),

    final as (
        select
            (series_id * 8 + thing_id * 83) % 200 as product_no,
            series || ' ' || thing as product_name,
            category,
            round(base_price * (0.8 + series_id * 0.03), 2)::decimal(9, 2) as price,
        from series
        cross join thing
    )

select
    (row_number() over (order by product_no, product_name)) - 1 as product_no,
    'p' || lpad((row_number() over (order by product_no, product_name))::varchar, 3, '0') as product_id,
    product_name,
    to_json(product_name)::varchar as product_json,
    category,
    price,
from final;

-- the disguises of nothing
create table blank as
select (row_number() over ()) - 1 as n, text
from (
    values
        (null), (''), (' '), ('     '), (chr(160)), (chr(8203)), (chr(65279)), (chr(12644)), (chr(8195) || chr(8205)), (chr(173)), (chr(9)), ('N/A'), ('n/a'), ('null'), ('NULL'), ('None'), ('nil'), ('undefined'), ('unknown'),
        ('test'), ('-'), ('--'), ('...'), ('?'), ('{{first_name}}'), ('{{ customer.first_name }}'), ('*|FNAME|*'), ('%%first_name%%'), ('[[firstName]]'), ('[blank]'), ('(not set)'), ('#N/A'), ('keine Angabe'), ('sin nombre'), ('不明')
) as t (text);

create table unsafe as
select (row_number() over ()) - 1 as n, text
from (
    values
        ('<b>Anna</b>'), ('Robert<script>alert(1)</script>'), ('Eva' || chr(10) || 'Maria'), ('Win a prize: https://example.net/win'), (repeat('Wolfeschlegelsteinhausenbergerdorff ', 9)), ('Bell' || chr(7))
) as t (text);

create table bad_email as
select (row_number() over ()) - 1 as n, text
from (
    values
        ('no-at-sign.example.com'), ('two@@example.com'), ('.leading.dot@example.com'), ('double..dot@example.org'), ('trailing.@example.net'), ('one.label@example'), ('white space@example.com'), ('hyphen@-example.com'),
        ('dots@example..org'), (repeat('l', 70) || '@example.com'), ('@example.com'), ('n/a'), ('unknown'), ('{{email}}'), ('nobody@'), ('a@b@example.net')
) as t (text);

create table bad_phone as
select (row_number() over ()) - 1 as n, text
from (values ('555-0100'), ('+0123456789'), ('+1202'), ('tel:+12025550100'), ('+12025550100123456'), ('n/a'), ('+1 202 CALL NOW'), ('0044 7700 900123')) as t (text);

create table place as
select
    row_number() over (order by place_id) - 1 as n,
    place_id,
    latitude::double as latitude,
    longitude::double as longitude,
from read_csv(getvariable('places_csv'), header = true, all_varchar = true);

-- the place of one's own city, if it has one (a tenth of a degree is near enough to live there)
create table city_place as
select city.country, city.timezone, city.n as city_n, min(place.n) as place_n
from city
inner join place on abs(city.latitude - place.latitude) < 0.1 and abs(city.longitude - place.longitude) < 0.1
group by all;

-- the campaigns that were mailed; a journey's later steps hang on the message of the step before
create table campaign as
with recursive
    listed as (
        select row_number() over (order by campaign_id) as campaign_no, *
        from (select campaign_id, channel, kind, coalesce(topic, '') as topic, coalesce(trigger_event, '') as trigger_event from campaign_list)
    ),

    chain as (
        select campaign_id, 1 as step, campaign_id as first_step from listed where trigger_event not like 'message_%:%'
        union all
        select listed.campaign_id, chain.step + 1, chain.first_step
        from chain
        inner join listed on listed.trigger_event = 'message_sent:' || chain.campaign_id
    )

select listed.*, coalesce(chain.step, 1) as step, coalesce(chain.first_step, listed.campaign_id) as first_step
from listed
left join chain on chain.campaign_id = listed.campaign_id;

create table topic as
select (row_number() over (order by topic)) - 1 as n, topic
from (select distinct topic from campaign where topic <> '');

-- what every slab of people adds to
create table out_users (
    i bigint, version integer, user_id varchar, email varchar, phone varchar, push_token varchar, first_name varchar, last_name varchar, city varchar, country varchar, language varchar,
    timezone varchar, signed_up_at varchar, email_opt_in varchar, sms_opt_in varchar, push_opt_in varchar, topics_opted_out varchar, max_messages_per_week varchar, attributes varchar, updated_at timestamp
);
create table out_support_tickets (
    ticket_id varchar, user_id varchar, category varchar, status varchar, created_at varchar, updated_at varchar, solved_at varchar, satisfaction varchar
);
create table out_social_mentions (mention_id varchar, user_id varchar, network varchar, body varchar, posted_at varchar, sentiment varchar);
create table out_erasure_requests (user_id varchar, requested_at varchar);
