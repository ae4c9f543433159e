"""`sendworthy push`: hands the delivered lists of a night to a vendor, so that each row arrives once, or is named as refused."""
