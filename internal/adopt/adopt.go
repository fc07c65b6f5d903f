// Package adopt makes fleet files say what AWS holds: the opposite of apply.
//
// In come fleet files and a survey; out come the same files with other values in
// them, at the lines that decided the settings. Comments, order and all other bytes
// stay. What is promised, and checked by loading the result before anybody sees it:
//
//   - the plan of the adopted configs is empty;
//   - every other config is declared as before;
//   - a setting that nobody managed is not managed afterwards.
//
// A line that speaks for several configs, of a rule or of defaults, is changed only
// where all of them come to hold what it then says. Else the config gets an entry of
// its own, or a line in the one that it has.
//
// The package reads no network and writes no file.
package adopt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Input is what there is to adopt, and into which files.
type Input struct {
	Document  *desired.Document
	Ambient   desired.Target    // where the files declare no targets
	Inventory desired.Inventory // what discovery found
	Observed  reconcile.Observed
	Plan      reconcile.Plan // of the document against what was observed
	// Read gives the bytes of a fleet file.
	Read func(path string) ([]byte, error)
}

// File is one file that is to be changed.
type File struct {
	Path          string
	Before, After []byte
}

// Diff is the change as a unified diff.
func (f File) Diff() []byte {
	return diff.Diff(f.Path, f.Before, f.Path, f.After)
}

// Refusal is a config that could not be adopted, and why.
type Refusal struct {
	desired.Key
	Err error
}

// Error is why.
func (r *Refusal) Error() string { return r.Err.Error() }

// Result is what adopting comes to.
type Result struct {
	Files   []File // those that change, sorted
	Adopted []desired.Key
	Refused []Refusal
}

// Patch adopts every config that the plan would change. What
// was not read, and functions and aliases that do not exist, are left alone.
func Patch(in Input) (Result, error) {
	files, err := in.read()
	if err != nil {
		return Result{}, err
	}
	p := patcher{in: in, probe: fleetfile.NewProbe()}
	var keys []desired.Key
	for _, t := range in.Plan.Targets {
		for i := range t.Changes {
			keys = append(keys, desired.Key{Target: t.Target, Name: t.Changes[i].Name})
		}
	}
	state := p.adopt(files, keys)
	p.result.Adopted = slices.DeleteFunc(keys, func(k desired.Key) bool {
		return slices.ContainsFunc(p.result.Refused, func(r Refusal) bool { return r.Key == k })
	})
	for _, path := range slices.Sorted(maps.Keys(state)) {
		if !bytes.Equal(state[path], files[path]) {
			p.result.Files = append(p.result.Files, File{path, files[path], state[path]})
		}
	}
	return p.result, nil
}

// read gives the files as the document has them.
func (in *Input) read() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, f := range in.Document.Files() {
		if f.Path == desired.StdinName {
			return nil, errors.New("standard input cannot be changed; name the fleet files")
		}
		data, err := in.Read(f.Path)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
			return nil, fmt.Errorf("%s was changed while AWS was being read; adopt again", f.Path)
		}
		files[f.Path] = data
	}
	return files, nil
}

// patcher is one Patch in progress.
type patcher struct {
	in     Input
	probe  *fleetfile.Probe
	result Result
}

// adopt adopts what it can of some configs and gives the files as they then are. A
// config that cannot be adopted hinders no other: it is found by halves.
func (p *patcher) adopt(files map[string][]byte, keys []desired.Key) map[string][]byte {
	if len(keys) == 0 {
		return files
	}
	after, err := p.attempt(files, keys, true)
	if err != nil {
		// A line that speaks for many can be right and still not be changed: a rule
		// of another file may say the same.
		if alone, again := p.attempt(files, keys, false); again == nil {
			after, err = alone, nil
		} else {
			err = again
		}
	}
	var refused *Refusal
	switch {
	case err == nil:
		return after
	case errors.As(err, &refused):
		p.result.Refused = append(p.result.Refused, *refused)
		return p.adopt(files, slices.DeleteFunc(slices.Clone(keys), func(k desired.Key) bool { return k == refused.Key }))
	case len(keys) == 1:
		p.result.Refused = append(p.result.Refused, Refusal{keys[0], err})
		return files
	}
	half := len(keys) / 2
	return p.adopt(p.adopt(files, keys[:half]), keys[half:])
}

// maxRounds bounds the rounds of one attempt. One changes values; a second is needed
// where an entry that is new, or no longer says remove, comes under defaults; another
// where an entry was split.
const maxRounds = 6

// attempt adopts some configs, or says why it could not. With lines it may change
// lines that speak for several configs.
func (p *patcher) attempt(files map[string][]byte, keys []desired.Key, lines bool) (map[string][]byte, error) {
	wanted := slice.Set(keys)
	var first desired.Fleet
	for round := range maxRounds {
		document, err := load(files)
		if err != nil {
			return nil, wouldBe(err)
		}
		document = document.WithMembersOf(p.in.Document)
		fleet, err := document.Resolve(p.in.Ambient, p.in.Inventory, desired.Selection{})
		if err != nil {
			return nil, wouldBe(err)
		}
		if round == 0 {
			first = fleet
		} else if err := othersAreTheSame(first, fleet, wanted); err != nil {
			return nil, err
		}
		r, err := p.newRound(document, fleet, files, wanted, lines)
		if err != nil {
			return nil, err
		}
		if len(r.needs) == 0 {
			return files, nil
		}
		if files, err = r.write(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("no edit was found that comes to what AWS holds; edit the file by hand")
}

func wouldBe(err error) error {
	return fmt.Errorf("with what AWS holds the file would not be right: %w", err)
}

// load loads files that are not on disk.
func load(files map[string][]byte) (*desired.Document, error) {
	return desired.Load(fleetfile.Files(files), slices.Sorted(maps.Keys(files))...)
}

// othersAreTheSame holds an edited fleet against what it was.
func othersAreTheSame(before, after desired.Fleet, adopted map[desired.Key]bool) error {
	was := map[desired.Key]*desired.Entry{}
	for i := range before.Targets {
		for e := range slice.Pointers(before.Targets[i].Entries) {
			was[desired.Key{Target: before.Targets[i].Target, Name: e.Name}] = e
		}
	}
	for i := range after.Targets {
		for e := range slice.Pointers(after.Targets[i].Entries) {
			key := desired.Key{Target: after.Targets[i].Target, Name: e.Name}
			old := was[key]
			delete(was, key)
			switch {
			case adopted[key]:
				if old != nil && !old.Remove && managed(*old.Want) != managed(*e.Want) {
					return fmt.Errorf("another setting of %s would be managed", key)
				}
			case old == nil:
				return fmt.Errorf("%s would be declared as well", key)
			case *old.Want != *e.Want || old.Remove != e.Remove:
				return fmt.Errorf("%s would be declared otherwise", key)
			}
		}
	}
	for key := range was {
		return fmt.Errorf("%s would no longer be declared", key)
	}
	return nil
}

func managed(c desired.Config) (set [desired.NumSettings]bool) {
	for i, v := range c {
		set[i] = v.IsSet()
	}
	return set
}
