//go:build go1.24

package main

import "net/http"

func onlyHTTP2(transport *http.Transport) {
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP2(true)
}
