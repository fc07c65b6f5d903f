//go:build !unix

package history

import "fmt"

// Dir fails: here a file that somebody reads cannot be replaced, and names in a
// folder cannot be made durable, so the promises of a Store cannot be kept.
func Dir(folder string) (Store, error) {
	return nil, fmt.Errorf("history %q: a history in a folder needs Linux, macOS or another Unix; give --history s3://bucket/prefix, or --history none to go without rollback and leases", folder)
}
