package history

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	// peersLook is how often a run asks its limiter whether its part is still right, and
	// the store where it is not. Else its line is renewed as a lease is.
	peersLook = LeaseTTL / 12
	// peersTimeout bounds what a store that hangs costs a run at its beginning and its end.
	peersTimeout = 5 * time.Second
	// peersTries are the writes that may lose against another one's, one after the other.
	peersTries = 10
)

// Peers divides the quota of a target among the runs that call there and keep their history
// in one place: one that writes, and any number of those that only read, for which there is
// no lease. A file each target, pace/ACCOUNT/REGION.json, has a line for each of them, with
// the rate that it uses. Whoever writes it has seen all other lines, so that what a limiter
// is promised about them holds: see ratelimit.Limiter.Divide.
//
// The zero value is ready to use. A process needs one, whatever number of its runs are at
// work. A store that fails costs no run anything: it then goes on as one that knows of
// nobody, and a line that is not renewed counts for nothing after a minute.
type Peers struct {
	mu      sync.Mutex
	members map[desired.Target]*member
}

// peersJSON is the file of a target.
type peersJSON struct {
	Version int        `json:"format_version"`
	Peers   []peerLine `json:"peers"`
}

type peerLine struct {
	Run string `json:"run_id"`
	ratelimit.Peer
	Until time.Time `json:"until"`
}

// Opener gives runs an opener whose targets share their quota with others that keep their
// history in the store.
func (p *Peers) Opener(o reconcile.Opener, store Store, log *slog.Logger) reconcile.Opener {
	return peersOpener{Opener: o, peers: p, store: store, log: log}
}

type peersOpener struct {
	reconcile.Opener
	peers *Peers
	store Store
	log   *slog.Logger
}

// Open implements reconcile.Opener. A run has its part of the quota before its first call, and
// until the targets are closed.
func (o peersOpener) Open(ctx context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	opened, err := o.Opener.Open(ctx, req)
	if err != nil {
		return opened, err
	}
	var joined []*member
	var wg sync.WaitGroup
	for _, t := range opened.Targets {
		if t.Err != nil || t.Limiter == nil {
			continue
		}
		m := o.peers.join(t.Target, req.RunID, o.store, o.log, t.Limiter)
		joined = append(joined, m)
		wg.Go(func() { m.begin(ctx) })
	}
	wg.Wait()
	opened.Close = func() {
		var wg sync.WaitGroup
		for _, m := range joined {
			if o.peers.part(m) {
				wg.Go(m.end)
			}
		}
		wg.Wait()
	}
	return opened, nil
}

// join counts a run in. The first one of a target stands for all of its process: they
// have one limiter.
func (p *Peers) join(t desired.Target, run string, store Store, log *slog.Logger, l *ratelimit.Limiter) *member {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.members[t]
	if m == nil {
		m = &member{target: t, store: store, log: log, limiter: l, name: paceName(t), line: peerLine{Run: run}}
		if p.members == nil {
			p.members = map[desired.Target]*member{}
		}
		p.members[t] = m
	}
	m.users++
	return m
}

// part counts a run out, and reports whether it was the last.
func (p *Peers) part(m *member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.users--; m.users > 0 {
		return false
	}
	delete(p.members, m.target)
	return true
}

// member is this process among those that call one target.
type member struct {
	target  desired.Target
	store   Store
	log     *slog.Logger
	limiter *ratelimit.Limiter
	name    string
	users   int // guarded by Peers.mu

	start sync.Once
	stop  context.CancelFunc // of the loop
	loops sync.WaitGroup

	// As they were stored or read last. Only begin and then loop touch them.
	line    peerLine
	others  []peerLine
	tag     Tag // "": there is no file
	renewed time.Time
	early   time.Duration // by how much the next renewal is
}

// begin tells the others of this one, and goes on doing so. Runs that come later wait for it.
func (m *member) begin(ctx context.Context) {
	m.start.Do(func() {
		m.tell(ctx, peersTimeout)
		// What one schedule starts comes together: the others are looked for soon.
		m.early = renewEvery - peersLook
		ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
		m.loops.Go(func() { m.loop(ctx) })
	})
}

func (m *member) loop(ctx context.Context) {
	for {
		select {
		case <-time.After(peersLook):
		case <-ctx.Done():
			return
		}
		mine, even := m.limiter.Divide(m.alive())
		switch {
		case time.Since(m.renewed) >= renewEvery-m.early, mine.Rate > m.line.Rate:
			m.early = 0
			m.tell(ctx, renewEvery)
		case mine.Rate < even && m.read(ctx) == nil: // somebody may have made room
			if mine, _ := m.limiter.Divide(m.alive()); mine.Rate > m.line.Rate {
				m.tell(ctx, renewEvery)
			}
		}
	}
}

// lines are those of the others that are taken to be at work. The last that was heard of
// them counts as long as nothing newer can be had.
func (m *member) lines() []peerLine {
	return slice.Filter(m.others, func(o peerLine) bool { return time.Now().Before(o.Until) })
}

func (m *member) alive() []ratelimit.Peer {
	return slice.Map(m.lines(), func(o peerLine) ratelimit.Peer { return o.Peer })
}

// tell stores this one's line beside those of the others, as they are at that moment.
func (m *member) tell(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	line := m.line
	err := m.write(ctx, func() []peerLine {
		line.Peer, _ = m.limiter.Divide(m.alive())
		line.Until = time.Now().Add(LeaseTTL).UTC()
		return []peerLine{line}
	})
	if err != nil {
		if ctx.Err() == nil || limit == peersTimeout {
			m.log.Debug("other runs cannot be told of this one's pace", "target", m.target.String(), "why", err.Error())
		}
		return
	}
	m.line, m.renewed = line, time.Now()
}

// end takes the line out.
func (m *member) end() {
	m.stop()
	m.loops.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), peersTimeout)
	defer cancel()
	if !m.renewed.IsZero() {
		_ = m.write(ctx, func() []peerLine { return nil }) // else it ends by itself
	}
	m.limiter.Divide(nil)
}

// write replaces the file by what mine returns and the lines of the others. It writes to
// what it read last: where nobody else has written since that is one call.
func (m *member) write(ctx context.Context, mine func() []peerLine) error {
	for range peersTries {
		file := peersJSON{Version: 1, Peers: append(mine(), m.lines()...)}
		var tag Tag
		data, err := json.Marshal(&file)
		switch {
		case err != nil:
		case len(file.Peers) == 0 && m.tag == "":
			return nil
		case len(file.Peers) == 0:
			err = m.store.Delete(ctx, m.name, m.tag)
		default:
			tag, err = m.store.Write(ctx, m.name, data, m.tag)
		}
		if err == nil {
			m.tag = tag
			return nil
		}
		if !errors.Is(err, ErrChanged) {
			return err
		}
		if err := m.read(ctx); err != nil {
			return err
		}
	}
	return ErrChanged
}

// read looks at the others' lines. A file that is damaged, or that another version wrote,
// has none, and is written anew.
func (m *member) read(ctx context.Context) error {
	data, tag, err := m.store.Read(ctx, m.name)
	if errors.Is(err, ErrAbsent) {
		data, tag, err = nil, "", nil
	}
	if err != nil {
		return err
	}
	m.tag, m.others = tag, nil
	var file peersJSON
	if len(data) == 0 || json.Unmarshal(data, &file) != nil || file.Version != 1 {
		return nil
	}
	m.others = slice.Filter(file.Peers, func(o peerLine) bool { return o.Run != m.line.Run })
	return nil
}
