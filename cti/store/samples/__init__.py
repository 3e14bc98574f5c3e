"""Sample files for ``laidian import``: synthetic, every person and firm in them is invented (合成数据)."""
