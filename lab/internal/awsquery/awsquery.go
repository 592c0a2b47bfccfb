// SPDX-License-Identifier: Apache-2.0

// Package awsquery is what the lab's Query APIs have in common: the [Error] that
// an action answers with instead of a result, and the writing of XML documents.
//
// EC2, IAM and STS take parameters and decode them each in its own way, and each
// has its own envelope; those stay with them. What a client sees of an error is
// its code: nothing here decides one.
package awsquery

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// Error is what an API answers instead of a result. Its code is one of those that
// the API's reference lists; clients branch on it.
type Error struct {
	Status  int // HTTP status
	Code    string
	Message string
}

// Error returns code and message as the AWS command line shows them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an error.
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

// Response is the element that begins the answer to an action.
func Response(action, namespace string) xml.StartElement {
	return xml.StartElement{
		Name: xml.Name{Local: action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}},
	}
}
