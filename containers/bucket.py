"""Make the store's bucket unless it is there: SeaweedFS makes one for the first object that an administrator puts."""

from urllib.parse import urlsplit

import obstore
from obstore.store import from_url

from resumption import settings

bucket = urlsplit(settings.lake_url())._replace(path="").geturl()
obstore.put(from_url(bucket), "bucket", b"")
