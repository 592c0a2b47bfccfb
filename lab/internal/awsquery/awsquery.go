// SPDX-License-Identifier: Apache-2.0

// Package awsquery is the common part of the lab's Query APIs: the [Error] of a failed
// action, and the writing of XML documents.
//
// EC2, IAM and STS decode parameters differently and have different envelopes; that
// stays in their packages. So do the error codes, which clients branch on.
package awsquery

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// Error is the error response of an API. Its code is one of those in the API's
// reference; clients branch on it.
type Error struct {
	Status  int // HTTP status
	Code    string
	Message string
}

// Error formats code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an error with a formatted message.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Write sends a document.
func Write(w http.ResponseWriter, contentType string, status int, document []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(document)
}

// WriteError sends an error in the envelope of its API.
func WriteError(w http.ResponseWriter, contentType string, e *Error, envelope any) {
	body, err := xml.Marshal(envelope)
	if err != nil {
		http.Error(w, "encoding an error", http.StatusInternalServerError)
		return
	}
	Write(w, contentType, e.Status, append([]byte(xml.Header), body...))
}

// Response is the root element of the response to an action.
func Response(action, namespace string) xml.StartElement {
	return xml.StartElement{
		Name: xml.Name{Local: action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}},
	}
}
