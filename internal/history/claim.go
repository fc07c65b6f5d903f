package history

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// LeaseVersion is the version of the format of leases.
const LeaseVersion = 1

// leaseJSON is a lease in a store. Nonce tells apart two holders of one name,
// and Beat two renewals, so that no two writes have the same bytes.
type leaseJSON struct {
	Version int       `json:"format_version"`
	Subject string    `json:"subject"`
	Owner   Owner     `json:"owner"`
	Nonce   string    `json:"nonce"`
	Beat    int64     `json:"beat"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

func (l *leaseJSON) encode() ([]byte, error) {
	text, err := json.MarshalIndent(l, "", " ")
	return append(text, '\n'), err
}

// claimPolls is how often a held lease is looked at within its TTL.
const claimPolls = 12

// collisionPause lets the one who was faster finish.
const collisionPause = 10 * time.Millisecond

// claim takes a lease that is free, has expired, or is a dead process's.
func (hist *History) claim(ctx context.Context, name, subject string, owner Owner, o LeaseOptions) (*hold, error) {
	h := &hold{
		store: hist.store, deaths: hist.deaths, name: name, ttl: o.TTL,
		lease: leaseJSON{Version: LeaseVersion, Subject: subject, Owner: owner.mark(), Nonce: rand.Text(), Since: time.Now().UTC()},
	}
	giveUp := time.Now().Add(o.Wait)
	for {
		err := h.take(ctx)
		var held *HeldError
		switch {
		case err == nil && h.left() <= 0:
			late := &LostError{subject, fmt.Errorf("the store took %s to grant it", time.Since(h.renewed).Round(time.Second))}
			return nil, errors.Join(late, h.store.Delete(ctx, name, h.tag))
		case err == nil:
			h.keep(ctx)
			return h, nil
		case errors.Is(err, ErrExists), errors.Is(err, ErrChanged):
			// Somebody was faster. What they wrote decides.
		case !errors.As(err, &held):
			return nil, err
		}
		pause := collisionPause
		if held != nil {
			if pause = min(o.TTL/claimPolls, time.Until(giveUp)); pause <= 0 {
				return nil, err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// take tries once. ErrExists and ErrChanged say that another one took it just now.
func (h *hold) take(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	found, tag, err := readLease(ctx, h.store, h.name)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	absent := err != nil
	switch {
	case absent, found.expired():
	case found.Owner.dead():
		if err := h.deaths.settle(ctx, &found.Owner); err != nil {
			return err
		}
	default:
		return &HeldError{Subject: found.Subject, Owner: found.Owner, Expires: found.Expires, Where: locate(h.store, h.name)}
	}
	next, data, sent, err := h.next()
	if err != nil {
		return err
	}
	if absent {
		tag, err = h.store.Create(ctx, h.name, data)
	} else {
		tag, err = h.store.Replace(ctx, h.name, data, tag)
	}
	if err != nil {
		return err
	}
	h.lease, h.tag, h.renewed = next, tag, sent
	if !absent {
		h.former = &found.Owner
	}
	return nil
}

// readLease reads who holds a lease, or fails with ErrAbsent.
func readLease(ctx context.Context, store Store, name string) (leaseJSON, Tag, error) {
	data, tag, err := store.Read(ctx, name)
	if err != nil {
		return leaseJSON{}, "", err
	}
	var l leaseJSON
	where := locate(store, name)
	if err := json.Unmarshal(data, &l); err != nil {
		return leaseJSON{}, "", fmt.Errorf("history: the lease %s is damaged: %w; delete it when no run is at work", where, err)
	}
	if l.Version != LeaseVersion {
		return leaseJSON{}, "", fmt.Errorf("history: the lease %s has format version %d and this program reads %d: use the version of eventinvoke that wrote it (%s), or a newer one", where, l.Version, LeaseVersion, l.Owner.Version)
	}
	return l, tag, nil
}

// expired reports whether the lease may be taken over.
func (l *leaseJSON) expired() bool { return !time.Now().Before(l.Expires) }
