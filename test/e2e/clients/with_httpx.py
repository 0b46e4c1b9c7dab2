import os

import httpx

response = httpx.get(
    os.environ["BASE"] + "/v1/models",
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    timeout=20,
)
response.raise_for_status()
print(response.status_code, response.text)
