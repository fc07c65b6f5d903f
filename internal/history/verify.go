package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Trust is what the chain says of a run.
type Trust string

// The degrees of trust.
const (
	Verified   Trust = "verified"   // nothing was changed since it was linked
	Pending    Trust = "pending"    // at work, or dead and not linked yet: its sums hold, and its end may be missing
	Unverified Trust = "unverified" // from before there was a chain
	Broken     Trust = "broken"
)

// Discrepancy is one place where a history does not hold.
type Discrepancy struct {
	Where string `json:"where"` // a file or object
	What  string `json:"what"`
	// Lost says that the end of a journal is missing, and that what is left holds.
	Lost bool `json:"lost"`

	unused bool // a record that cannot be read: a rollback takes nothing from it
}

// Verdict is what Verify found of one run.
type Verdict struct {
	RunID         string        `json:"run_id"`
	Trust         Trust         `json:"trust"`
	Discrepancies []Discrepancy `json:"breaches"`
	// Signature is "" where nobody asked; of a run in parts it is that of the part for
	// which the least can be said. SignedBy are all who signed, sorted.
	Signature Signature `json:"signature,omitempty"`
	SignedBy  []string  `json:"signed_by,omitempty"`
	// Unvouched says that the run wrote, is in the chain, and that no signature covers
	// it: whoever strips signatures and makes the chain anew leaves this.
	Unvouched bool `json:"unvouched,omitempty"`
}

// BrokenError is a run that does not hold.
type BrokenError struct{ Verdict }

// Error says where, and what to do.
func (e *BrokenError) Error() string { return strings.Join(e.Lines(), "\n") }

// Lines are those of the error, before what a file holds can make more.
func (e *BrokenError) Lines() []string {
	lines := []string{fmt.Sprintf("history: run %s does not hold:", e.RunID)}
	for i, breach := range e.Discrepancies {
		if i == 3 {
			lines = append(lines, fmt.Sprintf("  and %d more", len(e.Discrepancies)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", breach.Where, breach.What))
	}
	if e.Lost() {
		return append(lines, "bring the journal back from a backup, or restore what is left of it with rollback --partial")
	}
	return append(lines, "bring the files back from a backup; to go back without them, write what is to be into the fleet file, and apply it")
}

// Lost reports whether nothing is wrong but that journals lost their ends: what is
// left of them holds.
func (e *BrokenError) Lost() bool {
	return !slices.ContainsFunc(e.Discrepancies, func(b Discrepancy) bool { return !b.Lost })
}

// chainReaders is how many links are read at once.
const chainReaders = 16

// Verify holds a run against the chain: its records and journals, and every link
// from the oldest that speaks of it to the head. The run is named as for Load.
//
// It finds whatever was changed without computing every sum anew from there to the
// head; it cannot find that somebody did just that. Keep the sum of the last
// link, which VerifyAll gives, where the one who writes here cannot write.
func (h *History) Verify(ctx context.Context, run string) (Verdict, error) {
	run, attempts, err := h.find(ctx, run)
	if err != nil {
		return Verdict{}, err
	}
	c, err := h.readChain(ctx, attempts)
	if err != nil {
		return Verdict{}, err
	}
	return h.verify(ctx, run, attempts, c)
}

// Verification is what VerifyAll found.
type Verification struct {
	Runs  []Verdict     `json:"runs"`  // newest first
	Chain []Discrepancy `json:"chain"` // of no run that is there
	End   string        `json:"end"`   // the sum of the last link
}

// VerifyAll holds every run against the chain. Where a sum is known, that an earlier
// VerifyAll gave as End, a link must have it: a chain that was made anew has not.
func (h *History) VerifyAll(ctx context.Context, known string) (v Verification, err error) {
	attempts, err := h.attempts(ctx)
	if err != nil {
		return v, err
	}
	c, err := h.readChain(ctx, nil)
	if err != nil {
		return v, err
	}
	v.Runs, v.End = []Verdict{}, c.end
	for _, run := range newestFirst(attempts) {
		verdict, err := h.verify(ctx, run, attempts[run], c)
		switch {
		case err != nil && ctx.Err() != nil:
			return v, err
		case err != nil: // of this run alone: the others are none the worse for it
			verdict.Trust = Broken
			verdict.Discrepancies = append(verdict.Discrepancies, Discrepancy{Where: locate(h.store, runsFolder+run+"/"), What: "it cannot be read: " + err.Error()})
		}
		v.Runs = append(v.Runs, verdict)
		for _, a := range attempts[run] {
			delete(c.links, a.stem())
		}
	}
	journals, err := h.store.List(ctx, journalsFolder)
	if err != nil {
		return v, err
	}
	v.Chain = append([]Discrepancy{}, c.breaches...)
	for _, name := range journals {
		if a, is := parseAttempt(name, journalsFolder, ".jsonl"); is && attempts[a.run] == nil {
			v.Chain = append(v.Chain, Discrepancy{Where: locate(h.store, name), What: "the journal has no record"})
		}
	}
	for stem, l := range c.links {
		if !c.pruned[stem] {
			v.Chain = append(v.Chain, Discrepancy{Where: locate(h.store, runsFolder+stem+".json"), What: fmt.Sprintf("the record is gone, and link %d says that it was there", l.Seq)})
		}
	}
	if known != "" && !c.sums[known] {
		v.Chain = append(v.Chain, Discrepancy{Where: locate(h.store, chainFolder), What: "no link has the sum that was known, " + known + ": the chain was made anew, or is another one"})
	}
	slices.SortFunc(v.Chain, func(a, b Discrepancy) int { return strings.Compare(a.Where, b.Where) })
	return v, nil
}

// chain is what the links say.
type chain struct {
	links    map[string]link // the last of each attempt
	signed   map[int64]signature
	pruned   map[string]bool
	sums     map[string]bool
	breaches []Discrepancy
	end      string
}

// skew is how far the clocks of machines that share a history may be apart.
const skew = 24 * time.Hour

// readChain reads the chain from its end, as far back as it can speak of these
// attempts, or all of it for none. What cannot be read is a breach like any other.
func (h *History) readChain(ctx context.Context, attempts []attempt) (chain, error) {
	c := chain{links: map[string]link{}, signed: map[int64]signature{}, pruned: map[string]bool{}, sums: map[string]bool{}}
	breach := func(name, what string) {
		c.breaches = append(c.breaches, Discrepancy{Where: locate(h.store, name), What: what})
	}
	seqs, err := h.linkNames(ctx)
	if err != nil {
		return c, err
	}
	end, tag, err := h.readHead(ctx)
	switch {
	case err != nil:
		breach(headName, unreadable("the head of the chain", err))
	case tag == "" && len(seqs) > 0:
		breach(headName, "the head of the chain is missing")
	}
	wanted := map[string]bool{}
	began := time.Now()
	for _, a := range attempts {
		wanted[a.stem()] = true
		if a.started.Before(began) {
			began = a.started
		}
	}
	previous := "" // what the link after says of this one
	covered := false
	for last := slices.Max(append(seqs, end.Seq)); last > 0; last -= chainReaders {
		first := max(1, last-chainReaders+1)
		batch := make([]struct {
			link
			signature
			err error
		}, last-first+1)
		var reads sync.WaitGroup
		for i := range batch {
			reads.Go(func() {
				r := &batch[i]
				r.link, r.err = h.readLink(ctx, first+int64(i))
				r.signature = h.signatureOf(ctx, &r.link)
			})
		}
		if reads.Wait(); ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		for i := range slices.Backward(batch) {
			seq, l, s, err := first+int64(i), batch[i].link, batch[i].signature, batch[i].err
			if attempts != nil && (len(wanted) == 0 || err == nil && l.At.Before(began.Add(-skew))) {
				return c, nil
			}
			switch {
			case errors.Is(err, ErrAbsent):
				breach(linkName(seq), fmt.Sprintf("link %d of the chain is missing", seq))
			case err != nil:
				breach(linkName(seq), unreadable(fmt.Sprintf("link %d of the chain", seq), err))
			case previous != "" && l.sum != previous:
				breach(linkName(seq), fmt.Sprintf("link %d is not the one that link %d follows", seq, seq+1))
			case seq == end.Seq && l.sum != end.Link:
				breach(linkName(seq), fmt.Sprintf("link %d is not the one that the head names", seq))
			}
			if l.Broken != "" {
				breach(linkName(seq), "before this link, "+l.Broken)
			}
			c.end = cmp.Or(c.end, l.sum)
			previous, c.sums[l.sum] = l.Previous, true
			// A chain that breaks here is vouched for no further: every run is broken then.
			if covered = covered || s.kind == Signed; covered && s.kind == Unsigned {
				s.kind = Covered
			}
			c.signed[seq] = s
			for _, stem := range l.Pruned {
				c.pruned[stem] = true
			}
			if _, newer := c.links[l.Attempt]; !newer && l.Attempt != "" {
				c.links[l.Attempt] = l
			}
			delete(wanted, l.Attempt)
		}
	}
	return c, nil
}

func unreadable(what string, err error) string {
	if damaged, ok := errors.AsType[*damagedError](err); ok {
		return damaged.text
	}
	return what + " cannot be read: " + err.Error()
}

func (h *History) verify(ctx context.Context, run string, attempts []attempt, c chain) (Verdict, error) {
	v := Verdict{RunID: run, Trust: Unverified, Discrepancies: []Discrepancy{}}
	journals, err := h.store.List(ctx, journalsFolder+run+"/")
	if err != nil {
		return v, err
	}
	known := map[string]bool{}
	for _, a := range attempts {
		known[a.journal()] = true
		trust, breaches, err := h.verifyAttempt(ctx, a, c)
		if err != nil {
			return v, err
		}
		v.Discrepancies = append(v.Discrepancies, breaches...)
		v.sign(h, a, c)
		if v.Trust == Unverified || trust == Pending {
			v.Trust = trust
		}
	}
	for _, name := range journals {
		if !known[name] {
			v.Discrepancies = append(v.Discrepancies, Discrepancy{Where: locate(h.store, name), What: "the journal has no record"})
		}
	}
	v.SignedBy = slice.Unique(v.SignedBy)
	if v.Trust != Unverified { // a link that does not hold may have been that of this run
		v.Discrepancies = append(v.Discrepancies, c.breaches...)
	}
	if len(v.Discrepancies) > 0 {
		v.Trust = Broken
	}
	return v, nil
}

func (h *History) verifyAttempt(ctx context.Context, a attempt, c chain) (Trust, []Discrepancy, error) {
	var breaches []Discrepancy
	breach := func(name string, lost bool, what string, args ...any) {
		breaches = append(breaches, Discrepancy{Where: locate(h.store, name), What: fmt.Sprintf(what, args...), Lost: lost})
	}
	text, _, err := h.store.Read(ctx, a.record())
	if err != nil {
		return Broken, nil, err
	}
	record, unreadable := parseRecord(text, a.record())
	log, err := h.store.ReadLog(ctx, a.journal())
	absent := errors.Is(err, ErrAbsent)
	hole := errors.As(err, new(*damagedError))
	if err != nil && !absent && !hole {
		return Broken, nil, err
	}
	file, wrong := ParseJournal(log)
	l, linked := c.links[a.stem()]

	trust := Verified
	covered, sum, summed := cutSum(text, indentedForm)
	holds := summed && sum == sumOf("", covered)
	switch {
	case linked && digestOf(text) != l.Record:
		breach(a.record(), false, "the record was changed after link %d was made", l.Seq)
		breaches[0].unused = unreadable != nil
	case linked:
	case unreadable == nil && record.Version == 1 && !summed:
		trust = Unverified
	case !holds:
		breach(a.record(), false, "the sum of the record does not hold: it was changed after it was written")
		breaches[0].unused = unreadable != nil
	case record.attempt().stem() != a.stem():
		breach(a.record(), false, "it is the record of another run")
	default:
		trust = Pending
		if alive, err := h.isAlive(ctx, a); err != nil {
			return Broken, nil, err
		} else if record.State != Running && !alive {
			breach(a.record(), false, "no link of the chain speaks of it: it was written by hand, or its link was removed")
		}
	}

	switch {
	case wrong != nil:
		breach(a.journal(), false, "%v", wrong)
	case hole:
		breach(a.journal(), true, "%v", err)
	case absent && linked && l.Journal != nil:
		breach(a.journal(), true, "the journal is gone: %d bytes", l.Journal.Bytes)
	case !absent && linked && l.Journal == nil:
		breach(a.journal(), false, "link %d says that there was no journal", l.Seq)
	case !absent && file.Version > 1 && file.Attempt != a.stem():
		breach(a.journal(), false, "it is the journal of another attempt, %s", file.Attempt)
	case !absent && linked:
		size := int64(len(log))
		switch {
		case size < l.Journal.Bytes:
			breach(a.journal(), true, "it lost its end: %d of %d bytes are there", size, l.Journal.Bytes)
		case digestOf(log[:l.Journal.Bytes]) != l.Journal.SHA256, size > l.Journal.Bytes && l.State != Running:
			breach(a.journal(), false, "it was changed after link %d was made", l.Seq)
		}
	case !absent && record.State != Running && record.State != "" && !file.Closed:
		breach(a.journal(), true, "it lost its end: the closing line is missing")
	}
	if lost := notInJournal(&record, &file); len(lost) > 0 {
		breach(a.journal(), true, "it does not speak of %d changes that the record says were tried, %s among them", len(lost), lost[0])
	}
	return trust, breaches, nil
}

// notInJournal are the changes that a record says were tried, and of which its journal
// has no intent: an intent is stored before its write is sent.
func notInJournal(r *RunRecord, file *JournalFile) []desired.Key {
	intended := slice.Set(slice.Map(file.Entries, func(e JournalEntry) desired.Key { return e.Key }))
	var lost []desired.Key
	for item := range slice.Pointers(r.Items) {
		if tried := item.Attempts > 0 || item.Status == reconcile.Applied.String(); tried && !intended[item.Key] {
			lost = append(lost, item.Key)
		}
	}
	return lost
}

// isAlive reports whether an attempt has its sign of life, expired or not: until
// somebody finds it expired its process may still be about to write its link.
func (h *History) isAlive(ctx context.Context, a attempt) (bool, error) {
	_, _, err := h.store.Read(ctx, a.alive())
	if errors.Is(err, ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}
