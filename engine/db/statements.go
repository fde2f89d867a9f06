package db

import (
	"container/list"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxPrepared bounds the statements one connection keeps; the least recently used go first.
const maxPrepared = 512

// connStateKey is where a connection's state lives in its custom data.
const connStateKey = "nexus.db"

type statementKey struct {
	role string
	sql  string
}

type prepared struct {
	key         statementKey
	description *pgconn.StatementDescription
	element     *list.Element
}

// connState is what we know of one connection: the statements prepared on it, and whether it is as it was when it was new.
type connState struct {
	// soiled is true of a session that has to be reset before its next use.
	soiled bool
	byKey  map[statementKey]*prepared
	used   *list.List // of *prepared, most recently used first
	next   uint64
	// stale lists names to deallocate with the next batch.
	stale []string
	// generation is the pool's generation that the statements belong to.
	generation uint64
	// expected is kept for the next batch to fill.
	expected []expectation
}

func stateOf(conn *pgconn.PgConn) *connState {
	if s, ok := conn.CustomData()[connStateKey].(*connState); ok {
		return s
	}
	s := &connState{byKey: make(map[statementKey]*prepared), used: list.New()}
	conn.CustomData()[connStateKey] = s
	return s
}

func (s *connState) lookup(key statementKey) *prepared {
	p := s.byKey[key]
	if p != nil {
		s.used.MoveToFront(p.element)
	}
	return p
}

func (s *connState) newName() string {
	s.next++
	return "nexus_" + strconv.FormatUint(s.next, 36)
}

// add records a statement that the server has confirmed.
func (s *connState) add(key statementKey, d *pgconn.StatementDescription) {
	p := &prepared{key: key, description: d}
	p.element = s.used.PushFront(p)
	s.byKey[key] = p
	if s.used.Len() > maxPrepared {
		s.drop(s.used.Back().Value.(*prepared))
	}
}

func (s *connState) drop(p *prepared) {
	s.used.Remove(p.element)
	delete(s.byKey, p.key)
	s.stale = append(s.stale, p.description.Name)
}

// forget drops every statement, when the catalog has changed under them.
func (s *connState) forget() {
	for s.used.Len() > 0 {
		s.drop(s.used.Back().Value.(*prepared))
	}
}

// catchUp forgets statements of an older generation.
func (s *connState) catchUp(generation uint64) {
	if s.generation != generation {
		s.forget()
		s.generation = generation
	}
}
