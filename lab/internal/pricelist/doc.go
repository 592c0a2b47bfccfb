// SPDX-License-Identifier: Apache-2.0

// Package pricelist is the lab's AWS Price List API: GetProducts of service AmazonEC2, for clients that
// look prices up.
//
// Modelled is the form: the JSON protocol, TERM_MATCH filters, pages, and products in the form of AWS's
// price list files, several for each instance type, so that a client that forgets a filter finds
// several prices or one of 0. The prices are the lab's own and follow from a type's vCPUs and memory:
// they are not AWS's. Products are those of the lab's region only. The other calls, services and kinds
// of filters are missing.
package pricelist
