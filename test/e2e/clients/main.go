package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest("GET", os.Getenv("BASE")+"/v1/models", nil)
	fail(err)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
	response, err := http.DefaultClient.Do(request)
	fail(err)
	body, err := io.ReadAll(response.Body)
	fail(err)
	fmt.Println(response.StatusCode, string(body))
	if response.StatusCode != 200 {
		os.Exit(1)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
