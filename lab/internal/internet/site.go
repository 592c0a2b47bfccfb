// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// maxDownload bounds the size of a download, in bytes.
const maxDownload = 1 << 30

// site is the web server: a page, and downloads of any size.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "The lab's Internet. You come from %s.\n", r.RemoteAddr)
	})
	mux.HandleFunc("GET "+checkIP+"/{$}", tellAddress)
	mux.HandleFunc("GET /bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
		if err != nil || n < 0 || n > maxDownload {
			http.Error(w, fmt.Sprintf("want a number of bytes up to %d", maxDownload), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.CopyN(w, zeros{}, n)
	})
	return mux
}

// checkIP is the name of AWS's service that returns the address from which it is asked, with a line
// break (VPC User Guide, "Security group rules"). Here it answers over HTTP only.
const checkIP = "checkip.amazonaws.com"

func tellAddress(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, host)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
