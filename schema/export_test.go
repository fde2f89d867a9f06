package schema

import "time"

// SetKeepAlive shortens the silence after which the listening connection is tested.
func (c *Cache) SetKeepAlive(d time.Duration) { c.keepAlive = d }
