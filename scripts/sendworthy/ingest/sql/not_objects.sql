-- One row a value of `documents` that is no object and not null.
select cast(doc as varchar) as doc from documents where json_type(doc) not in ('OBJECT', 'NULL')
