// Package orders has the functions of orders and of fulfillment: creating, picking, packing and taking back. What an order may become
// and what that does to stock is decided in the database (migrations/app/00006_orders.sql), so that it holds for rest/v1 as well.
package orders
