"""Whether a part of Airflow is well, as the api-server sees it: `python healthy.py triggerer`."""

import json
import sys
import urllib.request

URL = "http://api-server:8080/api/v2/monitor/health"

with urllib.request.urlopen(URL, timeout=5) as answer:
    parts = json.load(answer)
sys.exit((parts.get(sys.argv[1]) or {}).get("status") != "healthy")
