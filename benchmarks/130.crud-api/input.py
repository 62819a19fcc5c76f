"""Events of three sizes."""

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
