"""What is kept: solutions in folders of Parquet, and public recordings fetched by name."""
