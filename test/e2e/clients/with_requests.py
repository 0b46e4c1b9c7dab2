import os

import requests

response = requests.post(
    os.environ["BASE"] + "/v1/chat/completions",
    headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    json={"model": "example", "messages": []},
    timeout=20,
)
response.raise_for_status()
print(response.status_code, response.text)
