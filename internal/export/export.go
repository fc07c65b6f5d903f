// Package export writes live records as the fleet file that a person would have
// written for them.
//
// In come targets with the functions that a survey saw there; out comes one
// fleet file: common values as defaults, entries with equal settings together,
// what is alike in all targets written once, with placeholders where targets
// differ only by account or region. A plan of that file against the same records
// is empty: what it declares is what AWS holds, in effect.
//
// What a fleet file cannot say is a comment in it, and counted. A record, or a
// function, that was not read is never taken for absent: nothing is declared for
// it. The package reads no network and decides nothing about any record.
package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Site is one target and what AWS holds there. Entries of the embedded
// TargetSpec play no part.
type Site struct {
	desired.TargetSpec
	Functions []reconcile.ObservedFunction
	Err       error // the target could not be read: nothing is declared for it
}

// Options say what the file tells about itself.
type Options struct {
	Header []string // comment lines at the top
}

// Result says how much of the sites the file holds.
type Result struct {
	Records       int // declared
	Unreadable    int // functions, and targets as a whole, that were not read
	Inexpressible int // settings and records that no fleet file can declare: comments in the file
}

// Whole reports whether the file declares everything that there is.
func (r Result) Whole() bool { return r.Unreadable == 0 && r.Inexpressible == 0 }

// Write writes the fleet file of some sites. The same sites give the same bytes,
// in whatever order they come.
func Write(w io.Writer, sites []Site, o Options) (Result, error) {
	sites = slices.Clone(sites)
	slices.SortFunc(sites, func(a, b Site) int { return a.Target.Compare(b.Target) })
	if err := check(sites); err != nil {
		return Result{}, err
	}
	items, lost := collect(sites)
	spellDestinations(sites, items)
	entries := merge(sites, items)
	common := factor(entries)

	f := file{out: bufio.NewWriter(w)}
	f.header(o)
	unread := f.unread(sites)
	f.targets(sites)
	f.defaults(common)
	f.functions(group(entries))
	for _, note := range lost {
		f.comment("", note)
	}
	result := Result{Records: len(items), Unreadable: unread, Inexpressible: len(lost)}
	for i := range items {
		result.Inexpressible += items[i].refusals()
	}
	if err := f.out.Flush(); err != nil {
		return result, fmt.Errorf("write the fleet file: %w", err)
	}
	return result, nil
}

// check refuses sites that one file cannot tell apart.
func check(sites []Site) error {
	for i := range sites {
		if i > 0 && sites[i].Target == sites[i-1].Target {
			return fmt.Errorf("target %s is there twice: give it once", sites[i].Target)
		}
		if len(sites) > 1 && sites[i].Label == "" {
			return fmt.Errorf("target %s has no label: several targets need one each", sites[i].Target)
		}
	}
	if len(sites) == 0 {
		return errors.New("there is no target to write a fleet file for")
	}
	return nil
}
