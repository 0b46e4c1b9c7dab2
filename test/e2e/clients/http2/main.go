// Command http2 asks with net/http, of HTTP/2 alone where HTTP2 is set, and prints what came of it as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if os.Getenv("HTTP2") != "" {
		onlyHTTP2(transport)
	}
	client := &http.Client{Transport: transport}
	bearer := "Bearer " + os.Getenv("KEY")
	ask := func(method, path string, body io.Reader) (*http.Response, string) {
		request, err := http.NewRequest(method, os.Getenv("BASE")+path, body)
		fail(err)
		request.Header.Set("Authorization", bearer)
		response, err := client.Do(request)
		fail(err)
		content, err := io.ReadAll(response.Body)
		fail(err)
		fail(response.Body.Close())
		return response, string(content)
	}
	answer, returned := ask("GET", "/authorization", nil)
	_, length := ask("PUT", "/length", bytes.NewReader(make([]byte, 1_000_000)))
	var right atomic.Int32
	var group sync.WaitGroup
	for index := 0; index < 50; index++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, content := ask("GET", "/authorization", nil); content == bearer {
				right.Add(1)
			}
		}()
	}
	group.Wait()
	fail(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version":  strings.TrimSuffix(strings.TrimPrefix(answer.Proto, "HTTP/"), ".0"),
		"returned": returned,
		"length":   strings.Fields(length)[0],
		"many":     right.Load(),
	}))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
