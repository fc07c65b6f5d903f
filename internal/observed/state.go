package observed

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// state is what is known of one target between two runs. It vouches for itself: each
// observation was true when it was made, and every event that the trail showed up to
// looked has been answered by a reading or by forgetting.
type state struct {
	target desired.Target
	header
	functions map[string]*observation
}

// header is what is known beside the functions, as it is stored.
type header struct {
	Written time.Time        `json:"written"`
	Looked  time.Time        `json:"looked"`           // up to when the trail was asked
	Events  map[string]int64 `json:"events,omitempty"` // ids of those answered, and when they happened, Unix seconds
	// Followed says that the trail was asked before: Events has all that it showed.
	Followed bool `json:"followed,omitempty"`
	// Doubts are functions that were found changed without an event that told of it, and
	// when, Unix seconds: the event may still come.
	Doubts map[string]int64 `json:"doubts,omitempty"`

	Listed time.Time       `json:"listed,omitzero"` // when all functions were listed; zero: they never were
	Need   string          `json:"need,omitempty"`  // what was discovered then, as a digest
	Names  []string        `json:"names,omitempty"` // of the functions, sorted
	Tags   map[string]tags `json:"tags,omitempty"`

	// Whether any function is asked about an alias or a version.
	Aliases  bool `json:"aliases,omitempty"`
	Versions bool `json:"versions,omitempty"`
}

// observation is one function.
type observation struct {
	reconcile.CarriedFunction
	asked string // digest of what was asked of it
}

func newState(t desired.Target) *state {
	return &state{target: t, header: header{Events: map[string]int64{}, Doubts: map[string]int64{}}, functions: map[string]*observation{}}
}

// digest is a short name for a value: 96 bits, so that no two of a fleet share one.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // equal to nothing that is stored: see askedOf
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// askedOf digests what a fleet asks of one function, whose entries are given.
func askedOf(spec *desired.TargetSpec, undeclared desired.UndeclaredPolicy, entries []desired.Entry) string {
	var key strings.Builder
	key.WriteByte(byte('0' + undeclared))
	for e := range slice.Pointers(entries) {
		want, err := e.Want.MarshalJSON()
		if err != nil {
			return ""
		}
		key.WriteString("\x00" + e.Qualifier + "\x00")
		key.Write(want)
		for _, flag := range []bool{e.Remove, e.Optional, e.Pattern} {
			if flag {
				key.WriteByte('+')
			} else {
				key.WriteByte('-')
			}
		}
	}
	at, _ := slices.BinarySearchFunc(spec.Ignored, entries[0].Function, func(g desired.Ignored, f string) int { return strings.Compare(g.Function, f) })
	for ; at < len(spec.Ignored) && spec.Ignored[at].Function == entries[0].Function; at++ {
		key.WriteString("\x00!" + spec.Ignored[at].Qualifier)
	}
	return digest(key.String())
}

// FormatVersion is the version of the files. It grows with whatever would make an
// older file mean something else, such as another way to digest what is asked.
const FormatVersion = 2

// magic begins every file, before its version, the digest of what follows and a line end.
const magic = "eventinvoke-observations"

// fileName is where the observations of a target are in a store.
func fileName(t desired.Target) string {
	return "observations/" + t.Account + "/" + t.Region + ".gz"
}

// body is a file's content, before it is compressed. Settings are kept once each: the
// functions of a fleet share a handful. A file of 50,000 functions is about 1 MB.
type body struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	header
	Settings []reconcile.Settings `json:"settings"`
	Seen     []row                `json:"seen"`
}

type tags = map[string]string

type row struct {
	Function string      `json:"f"`
	At       int64       `json:"t"`
	Asked    string      `json:"a"`
	Absent   bool        `json:"x,omitempty"`
	Records  []recordRow `json:"r,omitempty"`
	Gone     []string    `json:"n,omitempty"`
	Aliases  []string    `json:"al,omitempty"`
	Listed   bool        `json:"h,omitempty"`
	Versions bool        `json:"v,omitempty"`
}

type recordRow struct {
	Qualifier string `json:"q"`
	Settings  int    `json:"s"`
	Modified  int64  `json:"m,omitempty"`
}

// encode makes a file of a state.
func (s *state) encode() ([]byte, error) {
	b := body{Account: s.target.Account, Region: s.target.Region, header: s.header, Seen: make([]row, 0, len(s.functions))}
	b.Written, b.Looked = s.Written.UTC(), s.Looked.UTC()
	index := map[reconcile.Settings]int{}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		o := s.functions[name]
		r := row{
			Function: name, At: o.Seen, Asked: o.asked, Absent: o.State == reconcile.FunctionAbsent,
			Gone: o.Gone, Aliases: o.Aliases, Listed: o.AliasesListed, Versions: o.VersionsListed,
		}
		for _, rec := range o.Records {
			at, known := index[*rec.Settings]
			if !known {
				at = len(b.Settings)
				index[*rec.Settings] = at
				b.Settings = append(b.Settings, *rec.Settings)
			}
			r.Records = append(r.Records, recordRow{rec.Qualifier, at, rec.Modified})
		}
		b.Seen = append(b.Seen, r)
	}
	text, err := json.Marshal(&b)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // fails only for a level that is none
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	sum := sha256.Sum256(packed.Bytes())
	return slices.Concat(fmt.Appendf(nil, "%s %d %s\n", magic, FormatVersion, hex.EncodeToString(sum[:])), packed.Bytes()), err
}

// errOtherFormat is a file of another version of the program.
var errOtherFormat = errors.New("another version of the program wrote the observations")

// maxUnpacked bounds what a file may come to: 200 bytes for each of a million functions.
const maxUnpacked = 200 << 20

// decode reads a file back. It takes nothing on trust: what is not the very bytes that
// were stored for this target is an error.
func decode(data []byte, t desired.Target) (*state, error) {
	head, packed, ok := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(head[:min(len(head), 200)]))
	if !ok || len(fields) < 2 || fields[0] != magic {
		return nil, errors.New("it is no file of observations")
	}
	if fields[1] != fmt.Sprint(FormatVersion) {
		return nil, fmt.Errorf("%w: its format is %.20s, and this program's is %d", errOtherFormat, fields[1], FormatVersion)
	}
	sum := sha256.Sum256(packed)
	if len(fields) != 3 || fields[2] != hex.EncodeToString(sum[:]) {
		return nil, errors.New("its checksum is wrong")
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxUnpacked))
	if err != nil {
		return nil, err
	}
	s := newState(t)
	b := body{header: s.header}
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, err
	}
	if (desired.Target{Account: b.Account, Region: b.Region}) != t {
		return nil, fmt.Errorf("it is about %.60s/%.60s", b.Account, b.Region)
	}
	s.header = b.header
	for r := range slice.Pointers(b.Seen) {
		o := &observation{asked: r.Asked}
		o.CarriedFunction = reconcile.CarriedFunction{
			Function: r.Function, State: reconcile.FunctionPresent, Seen: r.At,
			Gone: r.Gone, Aliases: r.Aliases, AliasesListed: r.Listed, VersionsListed: r.Versions,
		}
		if r.Absent {
			o.State = reconcile.FunctionAbsent
		}
		for _, rec := range r.Records {
			if rec.Settings < 0 || rec.Settings >= len(b.Settings) {
				return nil, fmt.Errorf("the record %s of %s names settings that it does not have", rec.Qualifier, r.Function)
			}
			o.Records = append(o.Records, reconcile.ObservedRecord{Qualifier: rec.Qualifier, Settings: &b.Settings[rec.Settings], Modified: rec.Modified})
		}
		s.functions[r.Function] = o
	}
	return s, nil
}
