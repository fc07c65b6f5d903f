// Package layout holds the house rules as tests: which package may import
// which, that each has a package comment, and that nothing below cmd prints or
// exits. It contains no code; the failure text of a test is the reason for its
// rule.
package layout
