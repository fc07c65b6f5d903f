package awslambda

import (
	"context"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Target is one target made ready, or the reason why it is not.
type Target struct {
	desired.Target
	CallerARN string  // who acts there
	Conn      *Conn   // limiter and counters; nil with Err
	Reader    *Reader // nil with Err
	Tagger    *Tagger // nil with Err
	Writer    *Writer // nil with Err, and without ReadWrite access
	Err       error   // a *reconcile.CallError; of this target only
}

// openAtOnce bounds the sets of credentials that are fetched at the same time.
const openAtOnce = 16

// Open opens targets, all at once: it assumes their roles and checks that each
// set of credentials belongs to the account that the target declares, before
// any other call is made with it. The result has the order of targets.
func (s *Session) Open(ctx context.Context, targets []desired.TargetSpec) []Target {
	opened := make([]Target, len(targets))
	slots := make(chan struct{}, openAtOnce)
	var wg sync.WaitGroup
	for _, shared := range s.bySharedKeys(targets) {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			who, err := s.identify(ctx, shared.keys, s.stsRegion(targets[shared.members[0]].Region))
			for _, i := range shared.members {
				opened[i] = s.open(targets[i], shared.keys, who, err)
			}
		})
	}
	wg.Wait()
	return opened
}

// sharedKeys are the targets, by index, that use one set of credentials.
type sharedKeys struct {
	keys    *keyring
	members []int
}

func (s *Session) bySharedKeys(targets []desired.TargetSpec) []sharedKeys {
	var groups []sharedKeys
	at := map[*keyring]int{}
	for i, t := range targets {
		keys := s.keyringFor(t)
		g, ok := at[keys]
		if !ok {
			g = len(groups)
			at[keys] = g
			groups = append(groups, sharedKeys{keys: keys})
		}
		groups[g].members = append(groups[g].members, i)
	}
	return groups
}

func (s *Session) open(t desired.TargetSpec, keys *keyring, who identity, err error) Target {
	o := Target{Target: t.Target, CallerARN: who.arn}
	switch {
	case err != nil:
		c := call{op: opGetCallerIdentity, target: t.Target, keys: keys}
		if t.RoleARN != "" {
			c.op = opAssumeRole
		}
		o.Err = c.asCallError(failureOf(err))
	case who.account != t.Account:
		o.Err = credentialsMismatch(t, who)
	default:
		o.Conn = newLane(s.config, keys, t.Target, s.opts.Limiters)
		o.Reader, o.Tagger = NewReader(o.Conn), NewTagger(o.Conn)
		if s.opts.Access == ReadWrite {
			o.Writer = NewWriter(o.Conn)
		}
	}
	return o
}
