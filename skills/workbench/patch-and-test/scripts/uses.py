"""Where a name is defined and used, and where the same statement stands again under other names.

python3 uses.py NAME [FOLDER]              definitions, uses, and mentions in other files
python3 uses.py --same FILE.py:LINE [FOLDER]     statements of the same form: the same mistake in another place
"""

import argparse
import ast
import os


class Masked(ast.NodeTransformer):
    """Names and literals made equal, so that only the form is left."""

    def visit_Name(self, node):
        return ast.Name(id="x", ctx=ast.Load())

    def visit_Constant(self, node):
        return ast.Constant(value=type(node.value).__name__)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        return node


def sources(folder):
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(names):
            path = os.path.join(at, name)
            try:
                with open(path, encoding="utf-8") as file:
                    yield path, file.read()
            except (UnicodeDecodeError, OSError):
                continue


def parsed(path, text):
    try:
        return ast.parse(text, path)
    except (SyntaxError, ValueError) as error:
        print(f"{path}: left out, {error}")
        return ast.Module([], [])


def shown(path, line, text, what):
    print(f"{path}:{line}: {what}: {text.splitlines()[line - 1].strip()}")


def uses(name, folder):
    for path, text in sources(folder):
        if not path.endswith(".py"):
            for place, line in enumerate(text.splitlines(), 1):
                if name in line:
                    shown(path, place, text, "mentioned")
            continue
        for node in ast.walk(parsed(path, text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
                shown(path, node.lineno, text, "defined")
            elif (
                isinstance(node, ast.Name) and node.id == name or isinstance(node, ast.Attribute) and node.attr == name
            ):
                shown(path, node.lineno, text, "used")
            elif isinstance(node, ast.ImportFrom) and any(one.name == name for one in node.names):
                shown(path, node.lineno, text, "imported")
            elif isinstance(node, ast.Constant) and node.value == name:
                shown(path, node.lineno, text, "as a text")


def same(place, folder):
    file, _, line = place.rpartition(":")
    with open(file, encoding="utf-8") as opened:
        wanted = [node for node in statements(ast.parse(opened.read())) if node.lineno <= int(line) <= node.end_lineno]
    if not wanted:
        raise SystemExit(f"{place}: no statement there")
    form = form_of(min(wanted, key=lambda node: node.end_lineno - node.lineno))
    for path, text in sources(folder):
        if path.endswith(".py"):
            for node in statements(parsed(path, text)):
                if form_of(node) == form:
                    shown(path, node.lineno, text, "same form")


def statements(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def form_of(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try)):
        return ast.dump(Masked().visit(ast.parse(ast.unparse(node)))) if node.end_lineno - node.lineno < 8 else id(node)
    return ast.dump(Masked().visit(ast.parse(ast.unparse(node))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?")
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("--same")
    args = parser.parse_args()
    if args.same:
        same(args.same, args.name or args.folder)
    elif args.name:
        uses(args.name, args.folder)
    else:
        parser.error("give a name, or --same FILE:LINE")


if __name__ == "__main__":
    main()
