"""What users give by mistake, through the public interface: one row each, with the words of its error."""

# ruff: noqa: E501 - a row is a line

from __future__ import annotations

import re

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from shared_cases import SQUARE

import meshfree as mf

LINE = mf.Interval()
KERNEL = mf.Matern(5.5)
CLOUD = SQUARE.cloud(0.25)
SPACE = mf.Collocation(KERNEL, CLOUD)
STENCILS = mf.Stencils(None, CLOUD, degree=2)
OPTIONS = {"interior": lambda u, x: mf.laplacian(u)(x), "boundary": mf.dirichlet(0.0)}
PROBLEM = mf.Problem(SQUARE, **OPTIONS)
U = mf.interpolate(np.zeros(len(CLOUD)), STENCILS)
LOSS = mf.losses.residual(PROBLEM, SQUARE.cloud(0.25, seed=1))


def f(x):
    return jnp.sin(x[0])


def problem(**changed):
    return mf.Problem(SQUARE, **OPTIONS | changed)


def solve(**changed):
    """Refused when the shapes of the residuals are looked at: nothing is compiled."""
    return mf.solve(problem(**changed), SPACE)


def vector(u, x):
    mf.laplacian(u)(x)


# fmt: off
ROWS = {
    # the verbs: swapped, missing, misspelt, of another kind
    "solve swapped": (lambda: mf.solve(SPACE, PROBLEM), TypeError, "solve(problem) needs a Problem as problem; got a Collocation, and a Problem as space: are the two swapped?"),
    "solve, a tolerance in place of the space": (lambda: mf.solve(PROBLEM, 1e-6), TypeError, "needs a Space or None as space; got 1e-06"),
    "solve, a tolerance as a text": (lambda: mf.solve(PROBLEM, tol="1e-6"), TypeError, "needs a number as tol; got '1e-6'"),
    "solve on a cloud": (lambda: mf.solve(PROBLEM, CLOUD), TypeError, "needs a Space or None as space; got a Cloud: mf.Collocation(kernel, cloud)"),
    "solve in a kernel": (lambda: mf.solve(PROBLEM, KERNEL), TypeError, "needs a Space or None as space; got a Matern"),
    "solve in a class": (lambda: mf.solve(PROBLEM, mf.Stencils), TypeError, "got the class Stencils itself: write Stencils(...)"),
    "solve a domain": (lambda: mf.solve(SQUARE, SPACE), TypeError, "needs a Problem as problem; got a Box: mf.Problem(domain, interior=...)"),
    "solve, misspelt option": (lambda: mf.solve(PROBLEM, SPACE, point=CLOUD), TypeError, "no argument is named point; points=?"),
    "solve, unknown option": (lambda: mf.solve(PROBLEM, SPACE, tolerance=1e-3), TypeError, "no argument is named tolerance; there are problem, space, points, initial, weights, solver"),
    "solve at a domain": (lambda: mf.solve(PROBLEM, SPACE, points=SQUARE), TypeError, "needs a Cloud as points; got a Box: domain.cloud(spacing=0.1)"),
    "solve from a number": (lambda: mf.solve(PROBLEM, SPACE, initial=1.0), TypeError, "needs a function of x as initial; got 1.0"),
    "weights as a number": (lambda: mf.solve(PROBLEM, SPACE, weights=10.0), TypeError, "needs a Mapping as weights; got 10.0"),
    "weights of no part": (lambda: mf.solve(PROBLEM, SPACE, weights={"boundry": 10.0}), ValueError, "weights for unknown parts ['boundry']; the parts are ['bottom', 'interior', 'left', 'right', 'top']"),
    "weights below zero": (lambda: mf.solve(PROBLEM, SPACE, weights={"left": -1.0}), ValueError, "the weight of 'left' must be finite and not negative; got -1.0"),
    "weights of text": (lambda: mf.solve(PROBLEM, SPACE, weights={"left": "1"}), TypeError, "the weight of 'left' must be a number"),
    "solve with too many": (lambda: mf.solve(PROBLEM, SPACE, CLOUD), TypeError, "too many positional arguments; by name are given points=, initial=, weights=, solver="),
    "solver, capitals": (lambda: mf.solve(PROBLEM, STENCILS, solver="LU "), ValueError, "solver is 'LU '; it is one of 'auto', 'superlu'"),
    "solver as a class": (lambda: mf.solve(PROBLEM, SPACE, solver=None), TypeError, "needs a str as solver; got None"),
    "problem of another dimension": (lambda: mf.solve(PROBLEM, mf.Collocation(KERNEL, LINE.cloud(0.2))), ValueError, "the problem's domain has 2 dimensions and the cloud 1"),
    "interpolate swapped": (lambda: mf.interpolate(SPACE, f), TypeError, "interpolate(f, space) needs a Space as space; got the function f(x), and a Collocation as f: are the two swapped?"),
    "interpolate a string": (lambda: mf.interpolate("sin", STENCILS), TypeError, "needs a function of x or values at the nodes as f; got 'sin'"),
    "interpolate of two arguments": (lambda: mf.interpolate(lambda x, y: x, STENCILS), TypeError, "needs a function of x or values at the nodes as f; got the function <lambda>(x, y)"),
    "interpolate too few values": (lambda: mf.interpolate(np.zeros(3), STENCILS), ValueError, f"values must have shape ({len(CLOUD)},) or ({len(CLOUD)}, fields); got (3,)"),
    "interpolate words": (lambda: mf.interpolate(np.array(["a"] * len(CLOUD)), SPACE), TypeError, "needs a function of x or values at the nodes"),
    "error swapped": (lambda: mf.error(U, PROBLEM), TypeError, "error(problem, u) needs a Problem as problem; got a Solution, and a Problem as u: are the two swapped?"),
    "error of values": (lambda: mf.error(PROBLEM, np.zeros(3)), TypeError, "needs a function of x as u; got a ndarray of shape (3,)"),
    "error without exact": (lambda: mf.error(PROBLEM, U), ValueError, "the problem has no exact solution: give Problem(..., exact=)"),
    "residual_norm swapped": (lambda: mf.residual_norm(U, PROBLEM, CLOUD), TypeError, "are the two swapped?"),
    "residual_norm without a cloud": (lambda: mf.residual_norm(PROBLEM, U), TypeError, "missing a required argument: 'cloud'; expected a Cloud: domain.cloud(spacing=0.1)"),
    "indicator swapped": (lambda: mf.indicator(U, PROBLEM), TypeError, "indicator(problem, u) needs a Problem as problem; got a Solution"),
    "refine swapped": (lambda: mf.refine(PROBLEM, U), TypeError, "refine(what, by) needs a Solution or Cloud as what; got a Problem, and a Solution as by: are the two swapped?"),
    "refine with an option of none": (lambda: mf.refine(CLOUD, np.ones(len(CLOUD)), sharing=0.5), TypeError, "no argument is named sharing; share=?"),
    "refine by too few": (lambda: mf.refine(CLOUD, np.ones(3)), ValueError, "the indicator must have a value for each of the"),
    "integrate a function": (lambda: mf.integrate(f), TypeError, "integrate(u) needs a Solution as u; got the function f(x): what mf.solve or mf.interpolate returns"),
    "matrix swapped": (lambda: mf.matrix(mf.laplacian, SPACE), TypeError, "matrix(space) needs a Space as space; got the function laplacian(u), and a Collocation as operator: are the two swapped?"),
    "matrix of an operator of an operator": (lambda: mf.matrix(SPACE, mf.laplacian(f)), TypeError, "laplacian(u) is a function of one point; got the function <lambda>(y). The operator is mf.laplacian itself"),
    "matrix of nothing": (lambda: mf.matrix(SPACE, lambda u: None), TypeError, "the operator must return a function of x, as mf.laplacian does; it returns None"),
    "matrix of a name": (lambda: mf.matrix(SPACE, "laplacian"), TypeError, "needs a function as operator; got 'laplacian'"),
    "matrix at points of another dimension": (lambda: mf.matrix(SPACE, mf.laplacian, np.zeros((4, 3))), ValueError, "X must have shape (m, 2); got (4, 3)"),
    "matrix of a nonlinear operator": (lambda: mf.matrix(SPACE, lambda u: lambda x: u(x) ** 2), ValueError, "the operator is not linear in u"),

    # tuning
    "tune swapped": (lambda: mf.tune(SPACE, LOSS), TypeError, "tune(loss, tree) needs a Problem, or a function of the tree, as loss; got a Collocation, and a Residual as tree: are the two swapped?"),
    "tune by a loss without its problem": (lambda: mf.tune(mf.losses.residual, SPACE), TypeError, "residual(problem, check): missing a required argument: 'check'"),
    "tune with a name": (lambda: mf.tune(LOSS, SPACE, optimizer="adam"), TypeError, "needs an optimiser of Optax, as optax.adam(0.05), or 'search', as optimizer; got 'adam'"),
    "tune with a function": (lambda: mf.tune(LOSS, SPACE, optimizer=optax.adam), TypeError, "got the function adam(...)"),
    "tune by three numbers": (lambda: mf.tune(lambda space: jnp.zeros(3), SPACE), ValueError, "the loss must return one number; it returns "),
    "tune by no number": (lambda: mf.tune(lambda space: None, SPACE), ValueError, "the loss must return one number; it returns None"),
    "tune what is computed": (lambda: mf.tune(LOSS, SPACE, lambda space: space.kernel.scale), ValueError, "where must name leaves of the tree, and not what is computed from them"),
    "tune half a step": (lambda: mf.tune(LOSS, SPACE, steps=0.5), ValueError, "needs an integer as steps; got 0.5"),
    "tune steps of text": (lambda: mf.tune(LOSS, SPACE, steps="10"), TypeError, "needs an integer as steps; got '10'"),
    "loss swapped": (lambda: mf.losses.residual(CLOUD, PROBLEM), TypeError, "needs a Problem as problem; got a Cloud, and a Problem as check: are the two swapped?"),
    "loss on a space": (lambda: mf.losses.leave_one_out(SPACE), TypeError, "leave_one_out(problem) needs a Problem, or an array of values, as problem; got a Collocation"),
    "loss of a space": (lambda: mf.losses.residual(PROBLEM, SPACE), TypeError, "needs a Cloud as check; got a Collocation"),

    "tune a spline": (lambda: mf.tune(LOSS, mf.Collocation(mf.Polyharmonic(3), CLOUD, degree=1)), ValueError, "Polyharmonic(degree=3), which has no scale: name a leaf, as in where=lambda tree: tree.centers"),
    "tune a pair": (lambda: mf.tune(LOSS, (SPACE, PROBLEM)), ValueError, "a tuple has no kernel of its own: name a leaf, as in where=lambda tree: tree[0].kernel.raw_scale"),
    "tune what the loss does not use": (lambda: mf.tune(lambda space: jnp.array(1.0), SPACE), ValueError, "the loss is not computed from what where names"),

    # problems and their conditions
    "problem without a domain": (lambda: mf.Problem(**OPTIONS), TypeError, "Problem(domain, interior): missing a required argument: 'domain'; expected a domain such as mf.Box()"),
    "problem on a cloud": (lambda: mf.Problem(CLOUD, **OPTIONS), TypeError, "needs a domain such as mf.Box(), or None, as domain; got a Cloud"),
    "problem on a class": (lambda: mf.Problem(mf.Box, **OPTIONS), TypeError, "got the class Box itself: write Box(...)"),
    "half a field": (lambda: problem(fields=1.5), ValueError, "needs an integer as fields; got 1.5"),
    "fields by name": (lambda: problem(fields="u"), TypeError, "needs an integer as fields; got 'u'"),
    "no fields": (lambda: problem(fields=0), ValueError, "fields is the number of components of u, at least 1; got 0"),
    "exact as values": (lambda: problem(exact=np.zeros(4)), TypeError, "needs a function of x as exact; got a ndarray of shape (4,)"),
    "interior as values": (lambda: problem(interior=np.zeros(4)), TypeError, "needs a residual, a function of (u, x), or None, as interior; got a ndarray of shape (4,)"),
    "condition as a number": (lambda: problem(boundary=0.0), TypeError, "For a given value write mf.dirichlet(0.0), for no condition on a part None"),
    "condition without its call": (lambda: problem(boundary=mf.dirichlet), TypeError, "boundary= must be a residual; got the function dirichlet(value): write dirichlet(...)"),
    "condition without n": (lambda: problem(boundary=lambda u, x: u(x)), TypeError, "boundary= must be a residual(u, x, n); got the function <lambda>(u, x): too many positional arguments"),
    "interior with n": (lambda: mf.solve(problem(interior=lambda u, x, n: u(x)), SPACE), ValueError, "the problem has a parameter, the last argument of its residuals"),
    "operator as interior": (lambda: problem(interior=mf.laplacian), TypeError, "interior= must be a residual(u, x); got the function laplacian"),
    "no such part": (lambda: problem(lid=mf.dirichlet(1.0)), ValueError, "no boundary part is named lid; conditions given: boundary, lid; boundary parts: bottom, left, right, top"),
    "a part left out": (lambda: mf.Problem(SQUARE, interior=OPTIONS["interior"], left=mf.dirichlet()), ValueError, "no condition on bottom, right, top"),
    "two conditions": (lambda: problem(left=mf.dirichlet(), right=mf.dirichlet(), top=mf.dirichlet(), bottom=mf.dirichlet()), ValueError, "boundary= would be a second condition"),
    "dirichlet of text": (lambda: mf.dirichlet("hot"), TypeError, "needs a number, a vector (fields,) or a function of x as value; got 'hot'"),
    "dirichlet of nothing": (lambda: mf.dirichlet(None), TypeError, "or a function of x as value; got None"),
    "dirichlet of three arguments": (lambda: mf.dirichlet(lambda x, t, y: x), TypeError, "a function of x as value; got the function <lambda>(x, t, y)"),
    "neumann of a space": (lambda: mf.neumann(SPACE), TypeError, "as flux; got a Collocation"),
    "robin without b": (lambda: mf.robin(1.0), TypeError, "robin(a, b): missing a required argument: 'b'; expected a number"),
    "dirichlet of a vector": (lambda: solve(boundary=mf.dirichlet(lambda x: x)), ValueError, "the residual of 'left': a condition was given a value of shape (2,) where u has ()"),
    "dirichlet of complex numbers": (lambda: solve(boundary=mf.dirichlet(1j)), ValueError, "a condition was given values of complex128; use real numbers"),
    "dirichlet of values at nodes": (lambda: solve(boundary=mf.dirichlet(np.zeros(len(CLOUD["left"])))), ValueError, "For values at the nodes, interpolate them"),
    "interior without return": (lambda: solve(interior=vector), TypeError, "the residual of 'interior' must return an array of shape () or (c,); it returns nothing: its last line must be `return ...`"),
    "a residual that is a tuple": (lambda: solve(interior=lambda u, x: (u(x), u(x))), TypeError, "it returns a tuple: use jnp.stack([...]) for several equations"),
    "a residual of no components": (lambda: solve(right=lambda u, x, n: jnp.zeros(0)), ValueError, "for no condition on a part give None for it, as right=None"),
    "a residual of shape (1,)": (lambda: solve(interior=lambda u, x: u(x)[None]), ValueError, "returns shape (1,) for a scalar problem; return a scalar ()"),
    "a residual at values of nodes": (lambda: solve(interior=lambda u, x: u(x) - jnp.zeros(len(CLOUD["interior"]))), ValueError, "as many as the part has points; it is asked at ONE point x"),
    "the third coordinate of two": (lambda: solve(interior=lambda u, x: u(x) - x[2]), IndexError, "uses an entry beyond the end of an array of shape (2,)"),
    "operator of a value": (lambda: mf.laplacian(1.0), TypeError, "laplacian(u) needs a function of x, u itself and not u(x), as u; got 1.0"),
    "derivative of a solution at many points": (lambda: mf.gradient(U)(np.zeros((3, 2))), ValueError, "For many points: jax.vmap(gradient(u))(X)"),
    "derivative along no axis": (lambda: mf.derivative(f, 2)(jnp.zeros(2)), ValueError, "axis 2 of a point with 2 coordinates; axes are 0 to 1"),
    "derivative by a name": (lambda: mf.derivative(f, "x"), TypeError, "needs an axis (an integer) or a vector (d,) as direction; got 'x'"),

    # spaces
    "collocation swapped": (lambda: mf.Collocation(CLOUD, KERNEL), TypeError, "Collocation(kernel, cloud) needs a Kernel as kernel; got a Cloud, and a Matern as cloud: are the two swapped?"),
    "collocation with a class": (lambda: mf.Collocation(mf.Gaussian, CLOUD), TypeError, "got the class Gaussian itself: write Gaussian(...)"),
    "collocation on a domain": (lambda: mf.Collocation(KERNEL, SQUARE), TypeError, "needs a Cloud as cloud; got a Box: domain.cloud(spacing=0.1)"),
    "collocation on points": (lambda: mf.Collocation(KERNEL, np.zeros((4, 2))), TypeError, "needs a Cloud as cloud; got a ndarray of shape (4, 2)"),
    "collocation of text": (lambda: mf.Collocation("gaussian", CLOUD), TypeError, "needs a Kernel as kernel; got 'gaussian': mf.Matern(2.5)"),
    "collocation, degree of text": (lambda: mf.Collocation(KERNEL, CLOUD, degree="2"), TypeError, "needs an integer as degree; got '2'"),
    "collocation, degree of 1.5": (lambda: mf.Collocation(KERNEL, CLOUD, degree=1.5), ValueError, "needs an integer as degree; got 1.5"),
    "collocation, a huge degree": (lambda: mf.Collocation(KERNEL, CLOUD, degree=10**5), ValueError, "centers do not determine the polynomials of degree 100000 in 2 dimensions, 5000150001 in number"),
    "collocation, centers of the line": (lambda: mf.Collocation(KERNEL, CLOUD, centers=np.zeros((5, 1))), ValueError, "centers must have shape (n, 2); got (5, 1)"),
    "collocation, a cloud as centers": (lambda: mf.Collocation(KERNEL, CLOUD, centers=CLOUD), TypeError, "needs points, an array (n, d), as centers; got a Cloud"),
    "collocation, reach of the gaussian": (lambda: mf.Collocation(KERNEL, CLOUD, reach=1.0), ValueError, "reach= is for kernels of compact support"),
    "two points for a plane": (lambda: mf.Collocation(mf.Polyharmonic(2), mf.Cloud(np.eye(2)), degree=1), ValueError, "2 centers do not determine the polynomials of degree 1 in 2 dimensions, 3 in number"),
    "scales of another dimension": (lambda: mf.Collocation(mf.Gaussian([1.0, 2.0, 3.0]), CLOUD), ValueError, "has 3 scales and the cloud 2 dimensions"),
    "stencils without a kernel": (lambda: mf.Stencils(CLOUD), TypeError, "Stencils(kernel, cloud): missing a required argument: 'cloud'; expected a Cloud, and got a Cloud as kernel"),
    "stencils swapped": (lambda: mf.Stencils(CLOUD, None), TypeError, "needs a Kernel or None as kernel; got a Cloud"),
    "stencils, half a node": (lambda: mf.Stencils(None, CLOUD, size=12.5), ValueError, "needs an integer as size; got 12.5"),
    "stencils, too few nodes": (lambda: mf.Stencils(None, CLOUD, size=3), ValueError, "a stencil of 3 nodes; expected an integer, at least 15"),
    "stencils, a huge degree": (lambda: mf.Stencils(None, CLOUD, 10**5), ValueError, "use a lower degree, a smaller spacing, or another size="),
    "stencils, ghosts of no part": (lambda: mf.Stencils(None, CLOUD, 2, ghost="lid"), ValueError, "ghost= names parts ['lid']; the boundary parts are ['bottom', 'left', 'right', 'top']"),
    "stencils, ghosts of a number": (lambda: mf.Stencils(None, CLOUD, 2, ghost=1), TypeError, "needs True, False or names of boundary parts as ghost; got 1"),
    "eigenbasis of another kernel": (lambda: mf.Eigenbasis(KERNEL, CLOUD), TypeError, "Eigenbasis is that of the Gaussian; got Matern(nu=5.5)"),
    "eigenbasis swapped": (lambda: mf.Eigenbasis(CLOUD, mf.Gaussian()), TypeError, "are the two swapped?"),
    "eigenbasis, a huge degree": (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, 10**5), ValueError, "degree 100000 makes some 5e+09 functions"),
    "eigenbasis, degree of text": (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, "12"), TypeError, "needs an integer of at least 0, or one for every axis, as degree; got '12'"),
    "eigenbasis, three degrees": (lambda: mf.Eigenbasis(mf.Gaussian(), CLOUD, (4, 4, 4)), ValueError, "degree has 3 numbers; give one, or 2"),
    "enriched swapped": (lambda: mf.Enriched(f, SPACE), TypeError, "Enriched(space, functions) needs a Space as space; got the function f(x), and a Collocation as functions: are the two swapped?"),
    "enriched, functions first": (lambda: mf.Enriched([f], SPACE), TypeError, "needs a Space as space; got a list"),
    "enriched by a value": (lambda: mf.Enriched(SPACE, f(np.ones(2))), TypeError, "needs a function of x, or several of them, as functions; got an ArrayImpl"),
    "enriched stencils": (lambda: mf.Enriched(STENCILS, f), ValueError, "Enriched needs a global space, Eigenbasis or Collocation with a wide support; got Stencils of"),
    "enriched, half a degree": (lambda: mf.Enriched(SPACE, f, 0.5), ValueError, "needs an integer as degree; got 0.5"),
    "multilevel without compact support": (lambda: mf.Multilevel(KERNEL, [CLOUD]), ValueError, "Multilevel needs a kernel of compact support, as Wendland"),
    "multilevel swapped": (lambda: mf.Multilevel([CLOUD], mf.Wendland()), TypeError, "Multilevel(kernel, clouds) needs a Kernel as kernel; got a list, and a Wendland as clouds: are the two swapped?"),
    "multilevel of domains": (lambda: mf.Multilevel(mf.Wendland(), [SQUARE]), TypeError, "needs a Cloud, or several of them, coarsest first, as clouds; got a list"),

    # kernels
    "scale of text": (lambda: mf.Gaussian("1"), TypeError, "scale must be a positive number, or one per dimension; got '1'"),
    "no scale": (lambda: mf.Gaussian(None), TypeError, "scale must be a positive number, or one per dimension; got None"),
    "negative scale": (lambda: mf.Matern(2.5, -1.0), ValueError, "scale must be positive and finite; got -1.0"),
    "nan as scale": (lambda: mf.Wendland(2, scale=np.nan), ValueError, "scale must be positive and finite; got nan"),
    "nu of text": (lambda: mf.Matern("2.5"), TypeError, "needs a number as nu; got '2.5'"),
    "nu of 2": (lambda: mf.Matern(2.0), ValueError, "nu must be one of 0.5, 1.5, ..., 11.5; got 2.0"),
    "smoothness of 3": (lambda: mf.Wendland(3), ValueError, "smoothness must be one of 0, 2, 4, 6; got 3"),
    "degree of a spline": (lambda: mf.Polyharmonic(2.5), ValueError, "needs an integer as degree; got 2.5"),
    "points of two dimensions": (lambda: KERNEL(np.zeros((2, 2)), np.zeros((2, 3))), ValueError, "points of different dimensions: shapes (2, 2) and (2, 3)"),

    # domains and clouds
    "no spacing": (lambda: SQUARE.cloud(), TypeError, "cloud(spacing): missing a required argument: 'spacing'"),
    "spacing of none": (lambda: SQUARE.cloud(None), TypeError, "spacing must be a positive number or a function of x, got None"),
    "spacing of text": (lambda: SQUARE.cloud("0.1"), TypeError, "spacing must be a positive number or a function of x, got '0.1'"),
    "negative spacing": (lambda: SQUARE.cloud(-0.1), ValueError, "spacing must be positive and finite, got -0.1"),
    "nan as spacing": (lambda: SQUARE.cloud(np.nan), ValueError, "spacing must be positive and finite, got nan"),
    "half a seed": (lambda: SQUARE.cloud(0.25, seed=0.5), TypeError, "needs an integer of at least 0 as seed; got 0.5"),
    "spacing of two arguments": (lambda: SQUARE.cloud(lambda x, y: 0.1), TypeError, "a function of x, got the function <lambda>(x, y)"),
    "a spacing that is far too fine": (lambda: SQUARE.cloud(1e-9), ValueError, "the spacing asks for about 1.0e+18 nodes, more than the 2e+07 that are placed at once"),
    "a spacing function that is far too fine": (lambda: mf.Disk().cloud(lambda x: 1e-9 + 0 * x[0]), ValueError, "the spacing asks for about 3.1e+18 nodes"),
    "fewer than no points": (lambda: SQUARE.sample(-1), ValueError, "n is the number of points, at least 0; got -1"),
    "negative seed": (lambda: SQUARE.sample(5, seed=-1), ValueError, "needs an integer of at least 0 as seed; got -1"),
    "cluster of text": (lambda: SQUARE.cloud(0.25, cluster="yes"), TypeError, "needs a number as cluster; got 'yes'"),
    "unknown interior": (lambda: SQUARE.cloud(0.25, interior="sobol"), ValueError, "interior must be one of"),
    "cloud of a class": (lambda: mf.Box.cloud(0.1), TypeError, "Domain.cloud was called on the class: call it on an instance"),
    "radius of text": (lambda: mf.Disk((0, 0), "1"), TypeError, "needs a number as radius, got '1'"),
    "a domain minus a number": (lambda: SQUARE - 0.5, TypeError, "shapes combine with shapes, got float"),
    "box upside down": (lambda: mf.Box((1, 1), (0, 0)), ValueError, "Box"),
    "cloud of a domain": (lambda: mf.Cloud(SQUARE), TypeError, "interior must be an array of real numbers, got Box"),
    "cloud with a part without normals": (lambda: mf.Cloud(np.eye(2), wall=np.zeros((3, 2))), ValueError, "wall must be a pair (points, normals)"),
    "cloud on a class": (lambda: mf.Cloud(np.eye(2), domain=mf.Box), TypeError, "domain must be a meshfree domain or None, got the class Box itself"),
    "cloud of nan": (lambda: mf.Cloud(np.full((2, 2), np.nan)), ValueError, "interior holds NaN or infinity in row(s) 0, 1 of 2"),
    "cloud from no file": (lambda: mf.Cloud.load(SQUARE), TypeError, "load(path) needs the path of a file as path; got a Box"),
    "no part of that name": (lambda: CLOUD["lid"], KeyError, "no part named 'lid'; there are: interior, left"),

    # pictures
    "plot swapped": (lambda: mf.plot("u.png", U), TypeError, "plot(u) needs a Solution or Trajectory or Spectrum or Modes or Branch or LCurve as u; got 'u.png', and a Solution as path: are the two swapped?"),
    "plot a problem": (lambda: mf.plot(PROBLEM), TypeError, "plot(u) needs a Solution or Trajectory or Spectrum or Modes or Branch or LCurve as u; got a Problem"),
    "plot to a film": (lambda: mf.plot(U, "u.gif"), ValueError, "pictures are written as .png, .pdf, .svg, .jpg; got 'u.gif'"),
    "plot a domain's nodes": (lambda: mf.plot_cloud(SQUARE), TypeError, "plot_cloud(cloud) needs a Cloud as cloud; got a Box: domain.cloud(spacing=0.1)"),
    "plot what tune returns": (lambda: mf.plot_history((SPACE, None)), TypeError, "plot_history(history) needs a History, the second of what mf.tune returns, as history; got a tuple"),
    "plot a quality": (lambda: mf.plot_quality(SPACE), TypeError, "needs a Cloud as cloud; got a Collocation"),
    "plot rows without a name": (lambda: mf.plot_convergence([(0.1, 1e-2)]), TypeError, "plot_convergence(studies) needs a Mapping as studies; got a list"),
    "a solution at points of space": (lambda: U(np.zeros((4, 3))), ValueError, "u takes a point of shape (2,) or points of shape (m, 2); got shape (4, 3)"),
    "load from no file": (lambda: mf.Solution.load(None), TypeError, "load(path) needs the path of a file as path; got None"),
    "save as text": (lambda: U.save("u.txt"), ValueError, "u.txt"),
}
# fmt: on


@pytest.mark.parametrize(("call", "kind", "words"), ROWS.values(), ids=ROWS)
def test_a_bad_input_is_an_error_that_says_so(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


def test_there_are_many():
    assert len(ROWS) >= 60
