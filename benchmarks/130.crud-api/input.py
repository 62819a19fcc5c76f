"""Events of three sizes, and whether an answer is right."""

PRODUCTS = {"test": 1, "small": 20, "large": 100}
CART = "cart"


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 0, 0


def allocate_nosql():
    """Tables with their keys."""
    return {"shopping_cart": {"primary_key": "cart_id", "secondary_key": "product_id"}}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Puts products into a cart, reads the first of them, and asks what is in the cart."""
    products = [
        {"cart": CART, "product_id": f"product-{n}", "name": f"Product {n}", "price": 10 * n, "quantity": n}
        for n in range(1, PRODUCTS[size] + 1)
    ]
    requests = [{"route": "PUT /cart", "body": product} for product in products]
    requests.append({"route": "GET /cart/{id}", "path": {"id": "product-1"}, "body": {"cart": CART}})
    requests.append({"route": "GET /cart", "body": {"cart": CART}})
    return {"requests": requests}


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    requests, answers = input_config["requests"], output["result"]
    if len(answers) != len(requests):
        return f"{len(requests)} requests have {len(answers)} answers"
    for number, (request, answer) in enumerate(zip(requests, answers)):
        expected = right_answer(request, [body["body"] for body in requests[:number] if body["route"] == "PUT /cart"])
        if answer != expected:
            return f"the answer to {request['route']} is {answer}, not {expected}"
    return None


def right_answer(request, products):
    """What a request gets once these products are in the cart."""
    if request["route"] == "GET /cart/{id}":
        product = next(product for product in products if product["product_id"] == request["path"]["id"])
        return {"cart_id" if name == "cart" else name: value for name, value in product.items()}
    if request["route"] == "GET /cart":
        total = sum(product["price"] * product["quantity"] for product in products)
        return {
            "products": sorted(product["name"] for product in products),
            "total_cost": total,
            "avg_price": total / sum(product["quantity"] for product in products),
        }
    return {}
