'use strict';

const { nosql } = require('./nosql');

const client = nosql.get_instance();
const TABLE = 'shopping_cart';
const PRIMARY = 'cart_id';
const SECONDARY = 'product_id';
const FIELDS = ['name', 'price', 'quantity'];

/** Answers each request in its order. */
exports.handler = async (event) => {
  const result = [];
  for (const request of event.requests) result.push(await answer(request));
  return { result };
};

async function answer({ route, path = {}, body = {} }) {
  const cart = [PRIMARY, body.cart];
  const key = [SECONDARY, path.id];
  switch (route) {
    case 'PUT /cart':
      await client.insert(TABLE, cart, [SECONDARY, body.product_id], fields(body));
      return {};
    case 'GET /cart':
      return summary(await client.query(TABLE, cart, SECONDARY));
    case 'GET /cart/{id}':
      return client.get(TABLE, cart, key);
    case 'POST /cart/{id}':
      await client.update(TABLE, cart, key, fields(body));
      return {};
    case 'DELETE /cart/{id}':
      await client.delete(TABLE, cart, key);
      return {};
    default:
      throw new Error(`unknown route: ${route}`);
  }
}

function fields(body) {
  return Object.fromEntries(FIELDS.filter((name) => name in body).map((name) => [name, body[name]]));
}

/** A cart's products by name, what they cost, and the average price of one piece. */
function summary(products) {
  const pieces = products.reduce((sum, product) => sum + product.quantity, 0);
  const total = products.reduce((sum, product) => sum + product.price * product.quantity, 0);
  return {
    products: products.map((product) => product.name).sort(),
    total_cost: total,
    avg_price: pieces > 0 ? total / pieces : 0,
  };
}
