// SPDX-License-Identifier: Apache-2.0

package identitycenter

import (
	"crypto/subtle"
	"html/template"
	"net/http"
)

// pagePath is the page on which the user agrees.
const pagePath = "/device"

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>IAM Identity Center of the lab</title></head><body>
<h1>IAM Identity Center of the lab</h1>
{{if .Done}}<p>The request is approved: the client goes on by itself.</p>
{{else}}{{with .Error}}<p>{{.}}</p>{{end}}
<form method="post"><p>Allow a client with this code to use the account as user {{.User}}?</p>
<p><label>Code <input name="user_code" value="{{.Code}}"></label></p>
<p><label>Password <input name="password" type="password"></label>
(the secret of the account's root key: macaw lab env)</p>
<p><button>Allow</button></p></form>{{end}}
</body></html>
`))

// servePage shows the page of a code, and takes the user's consent.
func (c *Center) servePage(w http.ResponseWriter, r *http.Request) {
	show := struct {
		User, Code, Error string
		Done              bool
	}{User: User, Code: r.FormValue("user_code")}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		password := r.PostFormValue("password")
		switch {
		case subtle.ConstantTimeCompare([]byte(password), []byte(c.account.Password())) != 1:
			status, show.Error = http.StatusForbidden, "The password is another."
		case c.agree(show.Code):
			show.Done = true
		default:
			status, show.Error = http.StatusBadRequest, "There is no request with this code, or it has expired."
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, show) // the client is gone
}

// agree is the user's consent to a request.
func (c *Center) agree(code string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.codes {
		if a.user == code && c.now().Before(a.ends) {
			a.agreed = true
			return true
		}
	}
	return false
}
