import os
import urllib.request

request = urllib.request.Request(
    os.environ["BASE"] + "/v1/models",
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
)
with urllib.request.urlopen(request, timeout=20) as response:
    print(response.status, response.read().decode())
