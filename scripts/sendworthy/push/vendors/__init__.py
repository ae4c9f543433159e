"""The vendors that a list can be pushed to, one small module each."""

from __future__ import annotations

from sendworthy.push.vendors.base import Vendor
from sendworthy.push.vendors.braze import Braze
from sendworthy.push.vendors.customer_io import CustomerIo
from sendworthy.push.vendors.iterable import Iterable
from sendworthy.push.vendors.klaviyo import Klaviyo
from sendworthy.push.vendors.listmonk import Listmonk
from sendworthy.push.vendors.mailchimp import Mailchimp
from sendworthy.push.vendors.sendgrid import SendGrid

VENDORS: dict[str, type[Vendor]] = {
    "braze_track": Braze,
    "customer_io": CustomerIo,
    "iterable": Iterable,
    "klaviyo": Klaviyo,
    "listmonk": Listmonk,
    "mailchimp": Mailchimp,
    "sendgrid": SendGrid,
}

__all__ = ["VENDORS", "Vendor"]
