//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func terminal(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("scripts open pseudo terminals on Linux alone")
}

func typing(ts *testscript.TestScript, _ bool, _ []string) { terminal(ts, false, nil) }
