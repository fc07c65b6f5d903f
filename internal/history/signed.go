package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

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
		v.Breaches = append(v.Breaches, Breach{Where: locate(h.store, signatureName(l.Seq)), What: s.wrong.Error()})
	}
	v.Unvouched = v.Unvouched || s.kind == Unsigned && l.Journal != nil
	worst := []Signature{"", Signed, Covered, Unsigned, Wrong}
	v.Signature = worst[max(slices.Index(worst, v.Signature), slices.Index(worst, s.kind))]
}
