// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package lab

import "context"

// StockImage returns the ID of the stock image for these options; empty here.
func (o Options) StockImage() string { return "" }

// ExtraPackagesDir returns the directory of the ExtraPackages; empty here.
func (o Options) ExtraPackagesDir() string { return "" }

// Up returns ErrNotLinux.
func Up(context.Context, Options, Progress) (*Lab, error) { return nil, ErrNotLinux }

// Open returns ErrNotLinux.
func Open(context.Context) (*Lab, error) { return nil, ErrNotLinux }

// Revive returns ErrNotLinux.
func Revive(context.Context, Options, Progress) error { return ErrNotLinux }

// Saved returns ErrNotLinux.
func Saved() (*Lab, error) { return nil, ErrNotLinux }

// FindInstanceType finds none.
func FindInstanceType(string) (InstanceType, bool) { return InstanceType{}, false }

// Zones returns nil.
func Zones() []string { return nil }

// Down returns ErrNotLinux.
func Down(context.Context, bool) error { return ErrNotLinux }
