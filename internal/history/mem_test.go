package history

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// memory is a store for tests in virtual time, where real files and sockets
// would not count as blocked. before is called ahead of every write and may
// wait, or fail it; after may take back the answer of one that was done. Tests
// touch the fields within do.
type memory struct {
	mu            sync.Mutex
	before, after func(op, name string) error

	objects map[string][]byte
	logs    map[string][]byte
	appends int
}

func newMemory() *memory {
	return &memory{objects: map[string][]byte{}, logs: map[string][]byte{}}
}

func (m *memory) String() string { return "memory" }

// do touches the store from a test while a run is at work.
func (m *memory) do(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *memory) write(op, name string, write func() error) (err error) {
	var before, after func(op, name string) error
	m.do(func() { before, after = m.before, m.after })
	if before != nil {
		err = before(op, name)
	}
	if err == nil {
		m.do(func() { err = write() })
	}
	if err == nil && after != nil {
		err = after(op, name)
	}
	return err
}

func (m *memory) Write(_ context.Context, name string, data []byte, tag Tag) (Tag, error) {
	return contentTag(data), m.write(writeOp(tag), name, func() error {
		switch found, is := m.objects[name]; {
		case is && bytes.Equal(found, data):
		case tag == "" && is:
			return ErrExists
		case tag != "" && (!is || contentTag(found) != tag):
			return ErrChanged
		}
		m.objects[name] = data
		return nil
	})
}

func (m *memory) Delete(_ context.Context, name string, tag Tag) error {
	return m.write("delete", name, func() error {
		if found, is := m.objects[name]; is && contentTag(found) != tag {
			return ErrChanged
		}
		delete(m.objects, name)
		return nil
	})
}

func (m *memory) Read(_ context.Context, name string) ([]byte, Tag, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, is := m.objects[name]
	if !is {
		return nil, "", ErrAbsent
	}
	return data, contentTag(data), nil
}

func (m *memory) List(_ context.Context, folder string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := slices.Concat(slices.Collect(maps.Keys(m.objects)), slices.Collect(maps.Keys(m.logs)))
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, folder) })
	slices.Sort(names)
	return names, nil
}

func (m *memory) Append(_ context.Context, name string, offset int64, data []byte) error {
	return m.write("append", name, func() error {
		log := m.logs[name]
		if int64(len(log)) > offset && bytes.HasPrefix(data, log[offset:]) {
			log = log[:offset]
		}
		if int64(len(log)) != offset {
			return ErrChanged
		}
		m.logs[name] = slices.Concat(log, data)
		m.appends++
		return nil
	})
}

func (m *memory) ReadLog(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	log, is := m.logs[name]
	if !is {
		return nil, ErrAbsent
	}
	return log, nil
}

func (m *memory) Folders(_ context.Context, folder string) ([]string, error) {
	names, err := m.List(context.Background(), folder)
	var folders []string
	for _, name := range names {
		if below, _, is := strings.Cut(strings.TrimPrefix(name, folder), "/"); is {
			folders = append(folders, below)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders), err
}

func (m *memory) DeleteLog(_ context.Context, name string) error {
	return m.write("delete", name, func() error { delete(m.logs, name); return nil })
}

// count is how many writes of logs there were.
func (m *memory) count() (n int) {
	m.do(func() { n = m.appends })
	return n
}
