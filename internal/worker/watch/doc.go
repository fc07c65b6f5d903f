// Package watch makes fleet files a source of wakes.
//
// In come the paths that a program loads its fleet from: files, directories and
// patterns. Out goes one call for each real change of their content.
//
// Directories are watched and not files, because editors, git and Kubernetes
// replace files instead of writing them: a mounted ConfigMap is a directory of
// links into another one, and an update swaps a link that none of the files'
// names mention. What happened is not read off the notifications at all. They
// only say that it is time to look, after they have been quiet for a moment; a
// digest of the content then decides. A periodic look makes up for file systems
// that notify nobody, such as network mounts.
//
// The package parses no file and decides nothing about its content.
package watch
