// SPDX-License-Identifier: Apache-2.0

package identitycenter

import (
	"net/http"
	"slices"
)

// session finds the session of a request. The text is reported by users.
func (c *Center) session(r *http.Request) (*session, *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.tokens[r.Header.Get("x-amz-sso_bearer_token")]
	if s == nil || !c.now().Before(s.expires) {
		return nil, refuse(http.StatusUnauthorized, "UnauthorizedException", "", "Session token not found or invalid")
	}
	return s, nil
}

// noAccess refuses an account or a role that the user does not have. The model has no such error; it is
// reported by users.
func noAccess() *refusal { return refuse(http.StatusForbidden, "ForbiddenException", "", "No access") }

// getRoleCredentials gives credentials of a permission set's role.
func (c *Center) getRoleCredentials(r *http.Request) (any, *refusal) {
	if _, refused := c.session(r); refused != nil {
		return nil, refused
	}
	account, role := r.URL.Query().Get("account_id"), r.URL.Query().Get("role_name")
	switch {
	case account == "" || role == "":
		return nil, refuse(http.StatusBadRequest, "InvalidRequestException", "", "account_id and role_name are required")
	case account != c.account.ID() || !slices.Contains(c.account.PermissionSets(), role):
		return nil, noAccess()
	}
	credentials, err := c.account.PermissionSetCredentials(role, User)
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "InternalServerException", "", "An internal error has occurred")
	}
	return map[string]Credentials{"roleCredentials": credentials}, nil
}

type accountInfo struct {
	ID    string `json:"accountId"`
	Name  string `json:"accountName"`
	Email string `json:"emailAddress"`
}

func (c *Center) listAccounts(r *http.Request) (any, *refusal) {
	if _, refused := c.session(r); refused != nil {
		return nil, refused
	}
	all := []accountInfo{}
	if len(c.account.PermissionSets()) > 0 {
		all = append(all, accountInfo{c.account.ID(), "lab", "lab@example.com"})
	}
	return map[string][]accountInfo{"accountList": all}, nil
}

type roleInfo struct {
	Account string `json:"accountId"`
	Name    string `json:"roleName"`
}

func (c *Center) listAccountRoles(r *http.Request) (any, *refusal) {
	if _, refused := c.session(r); refused != nil {
		return nil, refused
	}
	account := r.URL.Query().Get("account_id")
	if account != c.account.ID() {
		return nil, noAccess()
	}
	all := []roleInfo{}
	for _, set := range c.account.PermissionSets() {
		all = append(all, roleInfo{account, set})
	}
	return map[string][]roleInfo{"roleList": all}, nil
}

// logout ends a session.
func (c *Center) logout(r *http.Request) (any, *refusal) {
	s, refused := c.session(r)
	if refused != nil {
		return nil, refused
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, s.access)
	delete(c.refreshes, s.refresh)
	return nil, nil
}
