// SPDX-License-Identifier: Apache-2.0

// Package examples carries the example that the program itself reads: the rights that an operator needs.
package examples

import _ "embed"

// OperatorRights is a policy document with the rights that Macaw needs on the operator's machine; those
// of the statement Optional only for more answers.
//
//go:embed operator-rights.json
var OperatorRights []byte
