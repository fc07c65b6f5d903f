package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A sum stands at the end of a JSON object, on one line in a journal and indented
// elsewhere. It covers all that is before it, and the sum of the object before this
// one in its chain: whoever changes an object must change every one after it.
var sumForms = [...]struct{ closing, before, after string }{
	lineForm:     {"}", `,"sum":"`, `"}`},
	indentedForm: {"\n}", ",\n \"sum\": \"", "\"\n}\n"},
}

const (
	lineForm = iota
	indentedForm
)

func sumOf(previous string, text []byte) string {
	h := sha256.New()
	h.Write([]byte(previous))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// appendSum puts the sum into a JSON object as its last field.
func appendSum(object []byte, form int, previous string) (text []byte, sum string) {
	f := sumForms[form]
	open := bytes.TrimSuffix(object, []byte(f.closing))
	sum = sumOf(previous, open)
	return slices.Concat(open, []byte(f.before), []byte(sum), []byte(f.after)), sum
}

// cutSum gives the part of an object that its sum covers, and the sum, where there
// is one.
func cutSum(text []byte, form int) (covered []byte, sum string, summed bool) {
	f := sumForms[form]
	at := len(text) - len(f.before) - 2*sha256.Size - len(f.after)
	if at < 1 || !bytes.HasPrefix(text[at:], []byte(f.before)) || !bytes.HasSuffix(text, []byte(f.after)) {
		return text, "", false
	}
	return text[:at], string(text[at+len(f.before) : len(text)-len(f.after)]), true
}

// ChainVersion is the version of the format of links and of the head.
const ChainVersion = 1

// link vouches for one attempt at a run, and for all links before it. Links are
// numbered from 1, one object each. Processes that share a history race for the next
// number, which only one can have, so that concurrent runs and shards make one chain.
type link struct {
	Version  int       `json:"format_version"`
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	Previous string    `json:"previous"` // the sum of the link before; "" for the first
	Attempt  string    `json:"attempt,omitempty"`
	State    State     `json:"state,omitempty"`   // as the record has it: running for one that died
	Record   string    `json:"record,omitempty"`  // SHA-256 of the record
	Journal  *digest   `json:"journal,omitempty"` // absent when there was none
	Pruned   []string  `json:"pruned,omitempty"`  // attempts that were removed on purpose
	Broken   string    `json:"broken,omitempty"`  // what was wrong with the chain before this link

	sum string
}

// digest is the content of a file that grows.
type digest struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// head says where the chain ends. It is written after the link, so it may be behind,
// and never ahead.
type head struct {
	Version int    `json:"format_version"`
	Seq     int64  `json:"seq"`
	Link    string `json:"link"` // the sum of the last link
}

const headName = chainFolder + "head.json"

func linkName(seq int64) string { return fmt.Sprintf("%s%012d.json", chainFolder, seq) }

// encodeSummed is an object of the chain as it is stored.
func encodeSummed(v any, previous string) (text []byte, sum string, err error) {
	text, err = json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, "", err
	}
	text, sum = appendSum(text, indentedForm, previous)
	return text, sum, nil
}

// decodeSummed reads one back, and gives its sum, which must hold for what is there
// and for the sum before it.
func decodeSummed(data []byte, v any, previous func() string) (sum string, err error) {
	covered, sum, summed := cutSum(data, indentedForm)
	if err := json.Unmarshal(data, v); err != nil {
		return "", err
	}
	if !summed || sum != sumOf(previous(), covered) {
		return "", errors.New("its sum does not hold")
	}
	return sum, nil
}

func noSum() string { return "" }

// readHead reads where the chain ends; absent is the zero head and no tag.
func (h *History) readHead(ctx context.Context) (end head, tag Tag, err error) {
	data, tag, err := h.store.Read(ctx, headName)
	if errors.Is(err, ErrAbsent) {
		return head{}, "", nil
	}
	if err != nil {
		return head{}, "", err
	}
	if _, err := decodeSummed(data, &end, noSum); err != nil || end.Version != ChainVersion {
		return head{}, tag, &damagedError{fmt.Sprintf("the head of the chain, %s, is damaged: %v", locate(h.store, headName), err)}
	}
	return end, tag, nil
}

func (h *History) readLink(ctx context.Context, seq int64) (link, error) {
	data, _, err := h.store.Read(ctx, linkName(seq))
	if err != nil {
		return link{}, err
	}
	var l link
	if l.sum, err = decodeSummed(data, &l, func() string { return l.Previous }); err != nil || l.Version != ChainVersion || l.Seq != seq {
		return link{}, &damagedError{fmt.Sprintf("link %d of the chain, %s, is damaged: %v", seq, locate(h.store, linkName(seq)), err)}
	}
	return l, nil
}

// append makes a link the last one of the chain, and writes the head. A chain that
// does not hold is gone on with, and the link says so for ever: a fault of the past
// must not keep runs from being recorded.
func (h *History) append(ctx context.Context, l link) error {
	end, tag, err := h.readHead(ctx)
	var damaged *damagedError
	switch {
	case errors.As(err, &damaged):
		l.Broken = damaged.text
	case err != nil:
		return err
	case tag == "":
		l.Broken = "the head was missing"
	}
	l.Version = ChainVersion
	for {
		if end, l.Broken, err = h.lastLink(ctx, end, l.Broken); err != nil {
			return err
		}
		l.Seq, l.Previous, l.At = end.Seq+1, end.Link, time.Now().UTC()
		var text []byte
		if text, l.sum, err = encodeSummed(&l, l.Previous); err != nil {
			return err
		}
		switch _, err = h.store.Write(ctx, linkName(l.Seq), text, ""); {
		case err == nil:
			err := h.sign(ctx, &l)
			return errors.Join(err, h.writeHead(ctx, head{Version: ChainVersion, Seq: l.Seq, Link: l.sum}))
		case !errors.Is(err, ErrExists):
			return err
		}
	}
}

// lastLink goes from the head to the end: the links after it are of others who have
// not written it yet. Where the links do not follow from the head it gives what is
// broken, and the last link that is there.
func (h *History) lastLink(ctx context.Context, end head, broken string) (head, string, error) {
	if end.Seq > 0 && broken == "" {
		if l, err := h.readLink(ctx, end.Seq); errors.Is(err, ErrAbsent) || errors.As(err, new(*damagedError)) || err == nil && l.sum != end.Link {
			broken = fmt.Sprintf("the head names link %d, and that is not the link it was", end.Seq)
		} else if err != nil {
			return end, broken, err
		}
	}
	for broken == "" {
		l, err := h.readLink(ctx, end.Seq+1)
		switch {
		case errors.Is(err, ErrAbsent):
			return end, "", nil
		case err == nil && l.Previous == end.Link:
			end = head{Seq: l.Seq, Link: l.sum}
		case err != nil && !errors.As(err, new(*damagedError)):
			return end, "", err
		default:
			broken = fmt.Sprintf("link %d does not follow from the one before it", end.Seq+1)
		}
	}
	names, err := h.linkNames(ctx)
	if err != nil || len(names) == 0 {
		return end, broken, err
	}
	last := names[len(names)-1]
	l, err := h.readLink(ctx, last)
	if err != nil && !errors.As(err, new(*damagedError)) {
		return end, broken, err
	}
	return head{Seq: max(last, end.Seq), Link: l.sum}, broken, nil
}

// linkNames are the numbers of the links that are there, in order.
func (h *History) linkNames(ctx context.Context) ([]int64, error) {
	names, err := h.store.List(ctx, chainFolder)
	var seqs []int64
	for _, name := range names {
		var seq int64
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, chainFolder), "%012d.json", &seq); err == nil && linkName(seq) == name {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, err
}

// writeHead moves the head on, unless somebody has moved it further.
func (h *History) writeHead(ctx context.Context, end head) error {
	text, _, err := encodeSummed(&end, "")
	if err != nil {
		return err
	}
	for {
		now, tag, err := h.readHead(ctx)
		switch {
		case err != nil && !errors.As(err, new(*damagedError)):
			return err
		case err == nil && tag != "" && now.Seq >= end.Seq:
			return nil
		}
		if _, err = h.store.Write(ctx, headName, text, tag); !errors.Is(err, ErrChanged) {
			return err
		}
	}
}

// beginChain writes the head of a chain that has no link yet, so that one that is
// missing later is known to be missing.
func (h *History) beginChain(ctx context.Context) error {
	_, tag, err := h.readHead(ctx)
	if tag != "" || err != nil {
		return nil // Verify tells of a damaged one
	}
	if links, err := h.linkNames(ctx); err != nil || len(links) > 0 {
		return err
	}
	return h.writeHead(ctx, head{Version: ChainVersion})
}

// linkDead links the attempts that died, as they are, so that what is lost of them
// from now on is found out. It is done for others, so what goes wrong is for Verify to
// tell: an attempt whose record or journal does not hold is left alone.
func (h *History) linkDead(ctx context.Context) {
	names, err := h.store.List(ctx, aliveFolder)
	if err != nil {
		return
	}
	for _, name := range names {
		a, is := parseAttempt(name, aliveFolder, ".json")
		if !is {
			continue
		}
		sign, tag, err := readLease(ctx, h.store, name)
		if err != nil || !sign.expired() {
			continue
		}
		if l, err := h.linkOf(ctx, a); err != nil || h.append(ctx, l) != nil {
			continue
		}
		_ = h.store.Delete(ctx, name, tag)
	}
}

// linkOf vouches for an attempt as it is in the store.
func (h *History) linkOf(ctx context.Context, a attempt) (link, error) {
	text, _, err := h.store.Read(ctx, a.record())
	if err != nil {
		return link{}, err
	}
	record, err := parseRecord(text, a.record())
	if err != nil {
		return link{}, err
	}
	l := link{Attempt: a.stem(), State: record.State, Record: digestOf(text)}
	log, err := h.store.ReadLog(ctx, a.journal())
	if errors.Is(err, ErrAbsent) {
		return l, nil
	}
	if err == nil {
		_, err = ParseJournal(log)
	}
	l.Journal = &digest{Bytes: int64(len(log)), SHA256: digestOf(log)}
	return l, err
}

// Signature is what the signatures of the chain say of a run.
type Signature string

// The kinds of signature.
const (
	Signed   Signature = "signed"   // by somebody who may
	Covered  Signature = "covered"  // not itself, but a later link is, which vouches for all before it
	Unsigned Signature = "unsigned" // nobody vouches for it
	Wrong    Signature = "wrong"    // by somebody else, or of something else
)

// signature is what was found beside one link.
type signature struct {
	kind  Signature
	by    string
	wrong error
}

func signatureName(seq int64) string { return fmt.Sprintf("%s%012d.sig", chainFolder, seq) }

// signed is the message that a signature of a link is of. The sum covers the link and
// all links before it, so whoever signs one vouches for the chain up to there.
func (l *link) signed() []byte { return []byte("history " + l.sum) }

// sign puts the signature of a link beside it. A process that is killed between the two
// leaves a link without one, for which the next signature vouches.
func (h *History) sign(ctx context.Context, l *link) error {
	if h.Sign == nil {
		return nil
	}
	text, err := h.Sign(l.signed())
	if err == nil {
		_, err = h.store.Write(ctx, signatureName(l.Seq), []byte(text), "")
	}
	if err != nil {
		return fmt.Errorf("link %d of the chain is not signed: %w", l.Seq, err)
	}
	return nil
}

// signatureOf reads the signature of a link, and says whose it is.
func (h *History) signatureOf(ctx context.Context, l *link) signature {
	if h.SignedBy == nil || l.Seq == 0 {
		return signature{}
	}
	text, _, err := h.store.Read(ctx, signatureName(l.Seq))
	if errors.Is(err, ErrAbsent) {
		return signature{kind: Unsigned}
	}
	by := ""
	if err == nil {
		by, err = h.SignedBy(l.signed(), string(text), l.At)
	}
	if err != nil {
		return signature{kind: Wrong, wrong: err}
	}
	return signature{kind: Signed, by: by}
}

// sign adds to a verdict what the signatures say of one attempt.
func (v *Verdict) sign(h *History, a attempt, c chain) {
	if h.SignedBy == nil {
		return
	}
	l, linked := c.links[a.stem()]
	s := c.signed[l.Seq]
	if !linked {
		s.kind = Unsigned
	}
	if s.by != "" {
		v.SignedBy = append(v.SignedBy, s.by)
	}
	if s.wrong != nil {
		v.Discrepancies = append(v.Discrepancies, Discrepancy{Where: locate(h.store, signatureName(l.Seq)), What: s.wrong.Error()})
	}
	v.Unvouched = v.Unvouched || s.kind == Unsigned && l.Journal != nil
	worst := []Signature{"", Signed, Covered, Unsigned, Wrong}
	v.Signature = worst[max(slices.Index(worst, v.Signature), slices.Index(worst, s.kind))]
}
