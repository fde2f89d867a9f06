package rls

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// tokenHash stands for a token in the cache, so that the cache holds no token.
type tokenHash [sha256.Size]byte

func hashToken(token string) tokenHash { return sha256.Sum256([]byte(token)) }

// verified is a token that was found good, with the claims that have to be checked again at every use.
type verified struct {
	hash     tokenHash
	identity *Identity
	validity validity
	// used is set by every hit and taken away by the clock's hand: what is not used between two rounds goes.
	used atomic.Bool
}

// cache keeps verified tokens with the clock algorithm; it never holds more than its size.
type cache struct {
	mu      sync.RWMutex
	byHash  map[tokenHash]*verified
	ring    []*verified
	hand    int
	size    int
	hits    atomic.Int64
	misses  atomic.Int64
	evicted atomic.Int64
}

func newCache(size int) *cache {
	return &cache{size: size, byHash: make(map[tokenHash]*verified, min(size, 1024))}
}

func (c *cache) get(hash tokenHash) *verified {
	c.mu.RLock()
	v := c.byHash[hash]
	c.mu.RUnlock()
	if v == nil {
		c.misses.Add(1)
		return nil
	}
	c.hits.Add(1)
	if !v.used.Load() {
		v.used.Store(true)
	}
	return v
}

func (c *cache) add(v *verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byHash[v.hash] != nil {
		return
	}
	c.byHash[v.hash] = v
	if len(c.ring) < c.size {
		c.ring = append(c.ring, v)
		return
	}
	for c.ring[c.hand].used.Swap(false) {
		c.hand = (c.hand + 1) % c.size
	}
	delete(c.byHash, c.ring[c.hand].hash)
	c.evicted.Add(1)
	c.ring[c.hand] = v
	c.hand = (c.hand + 1) % c.size
}
