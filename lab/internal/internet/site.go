// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"fmt"
	"io"
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

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
