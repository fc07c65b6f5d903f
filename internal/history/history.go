// Package history keeps what a run leaves behind: its record, its write-ahead
// journal, and the leases that keep two runs from writing to one target.
//
// In come the plan and the outcome of a run, as package reconcile has them; out
// come records, the before-images that undo a run, and the right to write. It
// all lives in a Store: a folder, or a prefix of an S3 bucket. The package
// prints nothing, never calls Lambda, and decides nothing: a history is a
// record, never an input to a plan. In a folder it needs a Unix.
//
// # Layout
//
// Names are the same in a folder and in S3. They are a contract, which
// docs/history.md describes for people:
//
//	runs/RUN/STARTED-SHARD.json        the record: at the beginning, then replaced at the end
//	journals/RUN/STARTED-SHARD.jsonl   the journal; in S3 a series of .jsonl/part-OFFSET
//	alive/RUN/STARTED-SHARD.json       renewed while the run is at work, gone when it ended
//	leases/ACCOUNT/REGION.json         who writes to a target now
//	pace/ACCOUNT/REGION.json           who calls there now, and at which rate: see Peers
//	chain/NUMBER.json, chain/head.json what vouches for records and journals
//
// STARTED is in UTC to the microsecond, and SHARD is "whole" or
// "shard-I-of-N", I counting from 0. A shard that is tried again under the same
// run id adds files and replaces none, so the first before-images are kept.
//
// # What is found out
//
// Every journal line and record has a sum; a link for each attempt has the digests of
// both and the sum of the link before, and the head names the last link. Undo gives
// nothing that does not hold without saying so. Sums need no key: they find what was
// changed, unless whoever changed it computed every sum from there to the head anew.
//
// # What is durable, and when
//
//   - An object, when the call that wrote it returns: the folder's file system
//     has synced file and name, or S3 has answered.
//   - An intent, before reconcile.Journal.Intend returns, and therefore before
//     its write is sent. Intents that come together share one sync, or one
//     object.
//   - A result, with the next intent, after 200 ms, or with Close, whichever
//     comes first. A run that is killed may lose the last results, never an
//     intent.
//
// # What is never in it
//
// Credentials. No type here has a place for them, and the text of an error is
// kept only where it is AWS's answer to a request that was genuine.
package history

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// History is what runs leave behind in one store.
type History struct {
	store Store
	// Sign, when not nil, signs what is added to the chain.
	Sign func(message []byte) (armored string, err error)
	// SignedBy, when not nil, says whose signature of a message this is, made when the
	// message says. With it Verify and VerifyAll tell who signed.
	SignedBy func(message []byte, armored string, made time.Time) (name string, err error)
}

// New is a history in a store.
func New(store Store) *History { return &History{store: store} }

// Open is a history at a location as --history spells it: see OpenStore.
func Open(ctx context.Context, location string) (*History, error) {
	store, err := OpenStore(ctx, location)
	if err != nil {
		return nil, err
	}
	return New(store), nil
}

// Store is where it is kept.
func (h *History) Store() Store { return h.store }

// String is the location.
func (h *History) String() string { return h.store.String() }

// Recorder is a run that is being recorded.
type Recorder struct {
	history *History
	attempt attempt
	tag     Tag // of the record
	alive   *Lease
	journal *Journal
}

// Begin stores the record of a run that begins, and marks the run as alive.
// With that it finds out whether the store can be written, before anything
// else is. The record must have RunID, Verb and Started.
func (h *History) Begin(ctx context.Context, r *RunRecord) (*Recorder, error) {
	if err := checkRun(r.RunID); err != nil {
		return nil, err
	}
	if r.Shard.Count < 0 || r.Shard.Index < 0 || r.Shard.Count > 0 && r.Shard.Index >= r.Shard.Count {
		return nil, fmt.Errorf("history: shard %d of %d cannot be: the index counts from 0", r.Shard.Index, r.Shard.Count)
	}
	begun := *r
	begun.Version, begun.State = RecordVersion, Running
	run := &Recorder{history: h, attempt: begun.attempt()}
	owner := Owner{RunID: r.RunID, Host: r.Host, PID: r.PID, Version: r.ToolVersion}
	alive, err := acquire(ctx, h.store, run.attempt.alive(), "run "+r.RunID, owner, 0)
	if err != nil {
		return nil, fmt.Errorf("the run cannot begin, because its history cannot be written: %w", err)
	}
	run.alive = alive
	data, err := begun.encode()
	if err == nil {
		err = h.beginChain(ctx)
	}
	if err == nil {
		h.linkDead(ctx)
		run.tag, err = h.store.Write(ctx, run.attempt.record(), data, "")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the run cannot begin, because its history cannot be written: %w", err), alive.Release(context.WithoutCancel(ctx)))
	}
	run.journal = newJournal(ctx, h.store, run.attempt.journal(), beginJSON{Version: JournalVersion, Run: r.RunID, Attempt: run.attempt.stem(), ToolVersion: r.ToolVersion})
	return run, nil
}

// Journal is the run's journal, which its engine writes before each call.
func (r *Recorder) Journal() *Journal { return r.journal }

// Finish closes the journal and replaces the record by the final one, whose
// State says how the run ended. RunID, Shard and Started must be as they began.
// A run that was interrupted is recorded as well: only a store that hangs ends
// Finish early.
func (r *Recorder) Finish(ctx context.Context, final *RunRecord) error {
	done := *final
	done.Version, done.RunID, done.Shard, done.Started = RecordVersion, r.attempt.run, r.attempt.shard, r.attempt.started
	errs := []error{r.journal.Close()}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	data, err := done.encode()
	if err == nil {
		_, err = r.history.store.Write(ctx, r.attempt.record(), data, r.tag)
	}
	// The record and the journal come before the link that vouches for them, and the
	// sign of life goes last: whoever finds it expired completes the chain.
	if errs = append(errs, err); errors.Join(errs...) == nil {
		errs = append(errs, r.history.append(ctx, link{Attempt: r.attempt.stem(), State: done.State, Record: digestOf(data), Journal: r.journal.file}))
	}
	if err := r.alive.Release(ctx); !errors.As(err, new(*LostError)) {
		errs = append(errs, err) // one that was lost has only made the run look dead
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the record of run %s is not complete: %w", r.attempt.run, err)
	}
	return nil
}
