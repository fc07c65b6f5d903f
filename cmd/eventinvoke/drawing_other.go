//go:build !windows

package main

import "os"

// canDraw reports whether a terminal understands escape sequences: TERM says where it does not.
func canDraw(*os.File) bool { return true }
