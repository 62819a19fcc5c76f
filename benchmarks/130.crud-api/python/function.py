from . import nosql

CLIENT = nosql.nosql.get_instance()
TABLE = "shopping_cart"
PRIMARY = "cart_id"
SECONDARY = "product_id"


def handler(event):
    """Answers each request in its order."""
    return {"result": [answer(request) for request in event["requests"]]}


def answer(request):
    route, body = request["route"], request.get("body", {})
    cart = (PRIMARY, body["cart"])
    if route == "PUT /cart":
        product = {name: body[name] for name in ("name", "price", "quantity")}
        CLIENT.insert(TABLE, cart, (SECONDARY, body["product_id"]), product)
        return {}
    if route == "GET /cart":
        return summary(CLIENT.query(TABLE, cart, SECONDARY))
    key = (SECONDARY, request.get("path", {}).get("id"))
    if route == "GET /cart/{id}":
        return CLIENT.get(TABLE, cart, key)
    if route == "POST /cart/{id}":
        changes = {name: body[name] for name in ("name", "price", "quantity") if name in body}
        CLIENT.update(TABLE, cart, key, changes)
        return {}
    if route == "DELETE /cart/{id}":
        CLIENT.delete(TABLE, cart, key)
        return {}
    raise ValueError(f"unknown route: {route}")


def summary(products):
    """A cart's products by name, what they cost, and the average price of one piece."""
    pieces = sum(product["quantity"] for product in products)
    total = sum(product["price"] * product["quantity"] for product in products)
    return {
        "products": sorted(product["name"] for product in products),
        "total_cost": total,
        "avg_price": total / pieces if pieces else 0,
    }
