// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package lab

import "context"

// StockImage is the ID of the image that a lab of these options offers.
func (o Options) StockImage() string { return "" }

// ExtraPackagesDir is where the lab of these options keeps its ExtraPackages.
func (o Options) ExtraPackagesDir() string { return "" }

// Up returns ErrNotLinux.
func Up(context.Context, Options, Progress) (*Lab, error) { return nil, ErrNotLinux }

// Open returns ErrNotLinux.
func Open(context.Context) (*Lab, error) { return nil, ErrNotLinux }

// Saved returns ErrNotLinux.
func Saved() (*Lab, error) { return nil, ErrNotLinux }

// Down returns ErrNotLinux.
func Down(context.Context, bool) error { return ErrNotLinux }
