// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"bytes"
	"encoding/xml"
	"net/http"

	"macaw.example/lab/internal/awsquery"
	"macaw.example/lab/internal/ec2query"
)

// xmlNamespace is on every successful response, with its trailing slash, and on no
// error (EC2 API Reference, "Query requests" and "errors-overview").
const xmlNamespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

const contentType = "text/xml;charset=UTF-8"

// response starts every result: requestId is its first element.
type response struct {
	RequestID string `xml:"requestId"`
}

func (r *response) setRequestID(id string) { r.RequestID = id }

// result is a pointer to a struct that embeds response.
type result interface{ setRequestID(string) }

// done is the result of calls that return no data.
type done struct {
	response
	Return bool `xml:"return"`
}

func ok() (*done, error) { return &done{Return: true}, nil }

// set is a list in an answer.
type set[T any] = ec2query.Set[T]

func encodeResult(action, requestID string, r result) ([]byte, error) {
	r.setRequestID(requestID)
	b := bytes.NewBufferString(xml.Header)
	if err := xml.NewEncoder(b).EncodeElement(r, awsquery.Response(action, xmlNamespace)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type errorResponse struct {
	XMLName   xml.Name `xml:"Response"`
	Code      string   `xml:"Errors>Error>Code"`
	Message   string   `xml:"Errors>Error>Message"`
	RequestID string   `xml:"RequestID"`
}

func writeError(w http.ResponseWriter, requestID string, e *APIError) {
	awsquery.WriteError(w, contentType, e, errorResponse{Code: e.Code, Message: e.Message, RequestID: requestID})
}
