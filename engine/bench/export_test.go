package bench

// Scaled divides the size of the data set.
func Scaled(o Options, scale int) Options {
	o.scale = scale
	return o
}
