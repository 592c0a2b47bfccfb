// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"macaw.example/lab/internal/account"
	"macaw.example/lab/internal/control"
)

// serveAccount serves requests that read and change the account's settings. Every answer is the
// resulting settings.
func serveAccount(mux *http.ServeMux, a *account.Account) {
	answer := func(w http.ResponseWriter, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.Settings())
	}
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("POST /account", func(w http.ResponseWriter, r *http.Request) {
		s, ok := account.Find(r.FormValue("name"))
		if !ok {
			answer(w, fmt.Errorf("there is no setting %q", r.FormValue("name")))
			return
		}
		answer(w, a.Change(func(of *account.Settings) error { return s.Set(of, r.FormValue("value")) }))
	})
	mux.HandleFunc("DELETE /account", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, a.Set(account.Settings{}))
	})
}

// ReadAccount asks the daemon for the account's settings.
func ReadAccount(ctx context.Context) (account.Settings, error) {
	var s account.Settings
	err := control.Ask(ctx, http.MethodGet, "/account", &s)
	return s, err
}

// SetAccount changes a setting of the account, from text, and returns the resulting settings. An
// empty text turns the setting off.
func SetAccount(ctx context.Context, name, value string) (account.Settings, error) {
	var s account.Settings
	query := url.Values{"name": {name}, "value": {value}}
	err := control.Ask(ctx, http.MethodPost, "/account?"+query.Encode(), &s)
	return s, err
}

// ResetAccount turns all settings off.
func ResetAccount(ctx context.Context) (account.Settings, error) {
	var s account.Settings
	err := control.Ask(ctx, http.MethodDelete, "/account", &s)
	return s, err
}
