//go:build !go1.24

package main

import "net/http"

// Before its first use a transport adds HTTP/1.1 to what it offers.
func onlyHTTP2(transport *http.Transport) {
	transport.CloseIdleConnections()
	transport.TLSClientConfig.NextProtos = []string{"h2"}
}
