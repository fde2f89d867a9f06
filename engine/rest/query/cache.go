package query

import (
	"sync"

	"nexus/engine/rest/plan"
)

// Cache builds statements and remembers the SQL of the shapes of plans it has seen. It is safe for concurrent use.
type Cache struct {
	capacity int
	buffers  sync.Pool // of *[]byte, for the shapes to look up

	mu sync.RWMutex
	// recent takes new shapes; when it is full it becomes older, and what older had is forgotten unless it is used.
	recent map[string]*template
	older  map[string]*template
}

// NewCache makes a cache of up to about size shapes.
func NewCache(size int) *Cache {
	return &Cache{
		capacity: max(size/2, 1), recent: make(map[string]*template),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// Build builds the statements of a plan whose Read is set.
func (c *Cache) Build(p *plan.Plan) (*Query, error) {
	if p.Read == nil {
		return nil, errNothingToRead
	}
	buffer := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buffer)
	*buffer = appendShape((*buffer)[:0], p)
	shape := *buffer
	c.mu.RLock()
	t, isRecent := c.recent[string(shape)]
	if !isRecent {
		t = c.older[string(shape)]
	}
	c.mu.RUnlock()
	if t == nil {
		var err error
		if t, err = newTemplate(p, true); err != nil {
			return nil, err
		}
	}
	if !isRecent {
		c.keep(string(shape), t)
	}
	return t.fill(p), nil
}

func (c *Cache) keep(shape string, t *template) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= c.capacity {
		c.older, c.recent = c.recent, make(map[string]*template, c.capacity)
	}
	c.recent[shape] = t
}
